"""Databases and their users in MariaDB: what is missing, as statements.

MariaDB commits each change of a table's form by itself, so a first migration that was killed leaves tables with which
it cannot run again. Such a database is made anew. That takes two proofs: a table in it says that it was made on this
machine and was then empty, and this machine's books say that its migration began and never succeeded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

_MARKER = "crowbar_incomplete"


class Migration(Enum):
    """How far the migration that fills a database has come on this machine."""

    NONE = "none"  # there is none, or it never began here
    BEGUN = "begun"
    DONE = "done"


@dataclass(frozen=True)
class Wanted:
    """A database and its user. ``migrated``: whether there is a migration that fills it."""

    name: str
    user: str
    password: str
    migrated: bool = False
    migration: Migration = Migration.NONE


@dataclass(frozen=True)
class Statement:
    """SQL with the values for its placeholders; ``changes`` is false for what is our own bookkeeping."""

    sql: str
    values: tuple[str, ...] = ()
    changes: bool = True


@dataclass(frozen=True)
class Found:
    """What a server has.

    ``users``: the password hash of each user from anywhere; ``grants``: (user, database) of full ones; ``tables``: how
    many a database has; ``makers``: the machine that made a database, while its first migration may be unfinished.
    """

    databases: Collection[str] = ()
    users: Mapping[str, str] = field(default_factory=dict)
    grants: Collection[tuple[str, str]] = ()
    tables: Mapping[str, int] = field(default_factory=dict)
    makers: Mapping[str, str] = field(default_factory=dict)


def native_hash(password: str) -> str:
    """The hash that MariaDB's mysql_native_password keeps of a password."""
    inner = hashlib.sha1(password.encode()).digest()  # noqa: S324 - the server's own way, to compare with what it has
    return "*" + hashlib.sha1(inner).hexdigest().upper()  # noqa: S324 - likewise


def plan(found: Found, wanted: Sequence[Wanted], machine: str) -> list[Statement]:
    """The statements that are still needed for each of ``wanted`` to be there. ``machine`` is this one's id."""
    databases = [step for entry in wanted for step in _database(found, entry, machine)]
    return [*databases, *_users(found, wanted), *_grants(found, wanted)]


def _database(found: Found, entry: Wanted, machine: str) -> Iterator[Statement]:
    name = quoted(entry.name)
    ours = found.makers.get(entry.name) == machine
    broken = ours and entry.migration is Migration.BEGUN
    new = broken or entry.name not in found.databases
    if broken:
        yield Statement(f"DROP DATABASE {name}")
    if new:
        yield Statement(f"CREATE DATABASE IF NOT EXISTS {name} CHARACTER SET utf8mb4")
    if entry.migrated and (new or not found.tables.get(entry.name)):
        yield Statement(f"CREATE TABLE {name}.{_MARKER} (nothing INT) COMMENT = %s", (machine,), changes=False)
    elif ours and entry.migration is Migration.DONE:
        yield Statement(f"DROP TABLE {name}.{_MARKER}", changes=False)


def _users(found: Found, wanted: Sequence[Wanted]) -> Iterator[Statement]:
    for user, password in {entry.user: entry.password for entry in wanted}.items():
        if found.users.get(user) != native_hash(password):
            yield Statement("CREATE USER IF NOT EXISTS %s@'%%' IDENTIFIED BY %s", (user, password))
            yield Statement("ALTER USER %s@'%%' IDENTIFIED BY %s", (user, password))


def _grants(found: Found, wanted: Sequence[Wanted]) -> Iterator[Statement]:
    for entry in wanted:
        if (entry.user, entry.name) not in found.grants:
            yield Statement(f"GRANT ALL PRIVILEGES ON {quoted(entry.name)}.* TO %s@'%%'", (entry.user,))


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
    grants = {(row[0], row[1].replace("\\", "")) for row in cursor.fetchall()}
    cursor.execute(
        "SELECT TABLE_SCHEMA, COUNT(*), MAX(IF(TABLE_NAME = %s, TABLE_COMMENT, NULL))"
        " FROM information_schema.TABLES GROUP BY TABLE_SCHEMA",
        (_MARKER,),
    )
    rows = cursor.fetchall()
    makers = {row[0]: row[2] for row in rows if row[2]}
    return Found(databases, users, grants, tables={row[0]: row[1] for row in rows}, makers=makers)
