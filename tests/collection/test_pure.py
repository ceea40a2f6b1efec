"""What is computed for MariaDB and RabbitMQ."""

from __future__ import annotations

import base64
import hashlib

import pytest
from ansible_collections.crowbar.node.plugins.filter.rabbitmq import FilterModule, rabbitmq_hash
from ansible_collections.crowbar.node.plugins.module_utils import mariadb

WANTED = [{"name": "nova", "user": "nova", "password": "x"}, {"name": "nova_api", "user": "nova", "password": "x"}]
HASH = mariadb.native_hash("x")


def test_the_native_hash_is_mariadb_s() -> None:
    # SELECT PASSWORD('mariadb'), of MariaDB's own documentation of the function.
    assert mariadb.native_hash("mariadb") == "*54958E764CE10E50764C2EECBB71D01F08549980"


def test_all_is_made_on_an_empty_server() -> None:
    statements = mariadb.plan(mariadb.Found((), {}, ()), WANTED)
    assert [statement.split("@")[0] for statement, _ in statements] == [
        "CREATE DATABASE IF NOT EXISTS `nova` CHARACTER SET utf8mb4",
        "CREATE USER IF NOT EXISTS %s",
        "ALTER USER %s",
        "GRANT ALL PRIVILEGES ON `nova`.* TO %s",
        "CREATE DATABASE IF NOT EXISTS `nova_api` CHARACTER SET utf8mb4",
        "GRANT ALL PRIVILEGES ON `nova_api`.* TO %s",
    ]


@pytest.mark.parametrize(
    ("users", "grants", "count"),
    [
        ({"nova": HASH}, {("nova", "nova"), ("nova", "nova_api")}, 0),
        ({"nova": "*other"}, {("nova", "nova"), ("nova", "nova_api")}, 2),
        ({"nova": HASH}, {("nova", "nova")}, 1),
    ],
)
def test_only_what_differs_is_done(users: dict[str, str], grants: set[tuple[str, str]], count: int) -> None:
    assert len(mariadb.plan(mariadb.Found(("nova", "nova_api"), users, grants), WANTED)) == count


def test_a_password_is_a_value_and_no_part_of_the_statement() -> None:
    statements = mariadb.plan(mariadb.Found((), {}, ()), [{"name": "a", "user": "b", "password": "';--"}])
    assert not any("';--" in statement for statement, _ in statements)


def test_names_are_quoted_for_sql_and_for_the_driver() -> None:
    assert mariadb.quoted("a`b%c") == "`a``b%%c`"


def test_rabbitmq_s_hash_is_a_salt_and_what_it_salted() -> None:
    raw = base64.b64decode(rabbitmq_hash("secret"))
    assert raw[4:] == hashlib.sha256(raw[:4] + b"secret").digest()
    assert rabbitmq_hash("secret") == rabbitmq_hash("secret") != rabbitmq_hash("secret2")
    assert FilterModule().filters() == {"rabbitmq_hash": rabbitmq_hash}
