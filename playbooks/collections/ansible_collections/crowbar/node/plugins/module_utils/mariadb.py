"""Databases and their users in MariaDB: what is missing, as statements."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# A statement and the values for its placeholders.
Statement = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class Found:
    """What a server has: databases, each user's (from anywhere) password hash, and (user, database) of full grants."""

    databases: Collection[str]
    users: Mapping[str, str]
    grants: Collection[tuple[str, str]]


def native_hash(password: str) -> str:
    """The hash that MariaDB's mysql_native_password keeps of a password."""
    inner = hashlib.sha1(password.encode()).digest()  # noqa: S324 - the server's own way, to compare with what it has
    return "*" + hashlib.sha1(inner).hexdigest().upper()  # noqa: S324 - likewise


def plan(found: Found, wanted: Sequence[Mapping[str, Any]]) -> list[Statement]:
    """The statements that are still needed for each of ``wanted`` ({name, user, password}) to be there."""
    return list(_steps(found, wanted))


def _steps(found: Found, wanted: Sequence[Mapping[str, Any]]) -> Iterator[Statement]:
    seen: set[str] = set()
    for entry in wanted:
        name, user, password = entry["name"], entry["user"], entry["password"]
        if name not in found.databases:
            yield f"CREATE DATABASE IF NOT EXISTS {quoted(name)} CHARACTER SET utf8mb4", ()
        if user not in seen and found.users.get(user) != native_hash(password):
            yield "CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED BY %s", (user, password)
            yield "ALTER USER %s@'%%' IDENTIFIED BY %s", (user, password)
        seen.add(user)
        if (user, name) not in found.grants:
            yield f"GRANT ALL PRIVILEGES ON {quoted(name)}.* TO %s@'%%'", (user,)


def quoted(name: str) -> str:
    """A database's name as an SQL identifier; the percent sign is doubled for the driver's placeholders."""
    return "`" + name.replace("`", "``").replace("%", "%%") + "`"


def read(cursor: Any) -> Found:
    """What the server behind the DB-API ``cursor`` has."""
    cursor.execute("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")
    databases = {row[0] for row in cursor.fetchall()}
    cursor.execute("SELECT User, Password FROM mysql.user WHERE Host = '%'")
    users = {row[0]: row[1] for row in cursor.fetchall()}
    cursor.execute("SELECT User, Db FROM mysql.db WHERE Host = '%' AND Create_priv = 'Y' AND Drop_priv = 'Y'")
    # A pattern's wildcards are escaped in mysql.db if whoever granted escaped them: we do not.
    return Found(databases, users, {(row[0], row[1].replace("\\", "")) for row in cursor.fetchall()})
