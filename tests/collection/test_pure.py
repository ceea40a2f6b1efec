"""What is computed for MariaDB and RabbitMQ."""

from __future__ import annotations

import base64
import hashlib

import pytest
from ansible_collections.crowbar.node.plugins.filter.rabbitmq import FilterModule, rabbitmq_hash
from ansible_collections.crowbar.node.plugins.module_utils import mariadb

WANTED = [mariadb.Wanted("nova", "nova", "x"), mariadb.Wanted("nova_api", "nova", "x")]
HASH = mariadb.native_hash("x")
GRANTS = {("nova", "nova"), ("nova", "nova_api")}


def test_the_native_hash_is_mariadb_s() -> None:
    # SELECT PASSWORD('mariadb'), of MariaDB's own documentation of the function.
    assert mariadb.native_hash("mariadb") == "*54958E764CE10E50764C2EECBB71D01F08549980"


def plan(found: mariadb.Found, *wanted: mariadb.Wanted) -> list[str]:
    return [statement.sql.split("@")[0] for statement in mariadb.plan(found, wanted or WANTED, "me")]


def test_all_is_made_on_an_empty_server() -> None:
    assert plan(mariadb.Found()) == [
        "CREATE DATABASE IF NOT EXISTS `nova` CHARACTER SET utf8mb4",
        "CREATE DATABASE IF NOT EXISTS `nova_api` CHARACTER SET utf8mb4",
        "CREATE USER IF NOT EXISTS %s",
        "ALTER USER %s",
        "GRANT ALL PRIVILEGES ON `nova`.* TO %s",
        "GRANT ALL PRIVILEGES ON `nova_api`.* TO %s",
    ]


@pytest.mark.parametrize(
    ("users", "grants", "count"),
    [({"nova": HASH}, GRANTS, 0), ({"nova": "*other"}, GRANTS, 2), ({"nova": HASH}, {("nova", "nova")}, 1)],
)
def test_only_what_differs_is_done(users: dict[str, str], grants: set[tuple[str, str]], count: int) -> None:
    assert len(plan(mariadb.Found(("nova", "nova_api"), users, grants))) == count


NEW = ["CREATE DATABASE IF NOT EXISTS `a` CHARACTER SET utf8mb4", "CREATE TABLE `a`.crowbar_incomplete"]
MENDED = ["DROP DATABASE `a`", *NEW]


@pytest.mark.parametrize(
    ("tables", "maker", "migration", "wanted"),
    [
        (None, "", mariadb.Migration.NONE, NEW),
        (0, "", mariadb.Migration.NONE, NEW[1:]),
        (1, "me", mariadb.Migration.NONE, []),
        (39, "me", mariadb.Migration.BEGUN, MENDED),
        (50, "me", mariadb.Migration.DONE, ["DROP TABLE `a`.crowbar_incomplete"]),
        # What another machine made, or what had its tables before, is never dropped.
        (39, "other", mariadb.Migration.BEGUN, []),
        (39, "", mariadb.Migration.BEGUN, []),
        (50, "", mariadb.Migration.DONE, []),
    ],
)
def test_a_database_is_made_anew_only_if_its_first_migration_was_cut_off_here(
    tables: int | None, maker: str, migration: mariadb.Migration, wanted: list[str]
) -> None:
    found = mariadb.Found(
        databases=() if tables is None else ("a",),
        users={"u": HASH},
        grants={("u", "a")},
        tables={"a": tables} if tables else {},
        makers={"a": maker} if maker else {},
    )
    entry = mariadb.Wanted("a", "u", "x", migrated=True, migration=migration)
    assert [sql.split(" (")[0] for sql in plan(found, entry)] == wanted


def test_a_password_is_a_value_and_no_part_of_the_statement() -> None:
    statements = mariadb.plan(mariadb.Found(), [mariadb.Wanted("a", "b", "';--")], "me")
    assert not any("';--" in statement.sql for statement in statements)


def test_names_are_quoted_for_sql_and_for_the_driver() -> None:
    assert mariadb.quoted("a`b%c") == "`a``b%%c`"


def test_rabbitmq_s_hash_is_a_salt_and_what_it_salted() -> None:
    raw = base64.b64decode(rabbitmq_hash("secret"))
    assert raw[4:] == hashlib.sha256(raw[:4] + b"secret").digest()
    assert rabbitmq_hash("secret") == rabbitmq_hash("secret") != rabbitmq_hash("secret2")
    assert FilterModule().filters() == {"rabbitmq_hash": rabbitmq_hash}
