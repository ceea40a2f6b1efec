"""The migrations make exactly the tables that the program uses, on either database."""

from __future__ import annotations

import sqlite3
import stat
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from crowbar.errors import EnvironmentFault
from crowbar.store import schema
from crowbar.store.database import Database, sqlite_url
from crowbar.store.machine_model import Machine
from crowbar.store.model import Node, NodeKind
from crowbar.store.nodes import Nodes
from crowbar.store.store import open_store
from crowbar.store.tables import metadata

from .at_once import open_new


def test_migrations_and_tables_agree(url: str) -> None:
    database = Database(url)
    schema.migrate(database)
    with database.read() as connection:
        differences = compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata)
    database.close()
    assert differences == []


def at_revision(url: str, revision: str) -> Database:
    """A database as an older Crowbar made it."""
    database = Database(url)
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    with database.write() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return database


def test_what_an_older_crowbar_kept_is_still_there(url: str, key_file: Path) -> None:
    database = at_revision(url, "0001")
    node = Node("n1", NodeKind.CONTAINER, {"admin": "192.0.2.1"})
    Nodes(database).save(node)
    database.close()
    with open_store(url, key_file) as store:
        assert store.nodes.list() == [node]
        store.machines.save(Machine("m1"))
        assert [view.machine.name for view in store.machines.list()] == ["m1"]


def test_networks_of_an_older_crowbar_go_on_after_the_highest_address_that_they_gave(url: str, key_file: Path) -> None:
    database = at_revision(url, "0002")
    with database.write() as connection:
        for name in ("admin", "idle"):
            connection.execute(
                text("INSERT INTO networks VALUES (:name, '10.0.0.0/24', '', 0, 1500, :ranges, false)"),
                {"name": name, "ranges": '{"host": ["10.0.0.10", "10.0.0.20"]}'},
            )
    for name in ("m1", "m2"):
        Nodes(database).save(Node(name, NodeKind.CONTAINER, {}))
    with database.write() as connection:
        for name, position in (("m1", 14), ("m2", 12)):
            row = {"node": name, "position": position}
            connection.execute(text("INSERT INTO allocations VALUES ('admin', :node, '', :position)"), row)
    database.close()
    with open_store(url, key_file) as store:
        assert store.networks.last_given() == {"admin": 14, "idle": -1}


def test_the_head_is_the_newest_migration() -> None:
    folder = Path(schema.__file__).parent / "migrations"
    assert ScriptDirectory(str(folder)).get_current_head() == schema.HEAD


def test_processes_that_open_a_new_store_at_once_all_succeed(
    url: str, key_file: Path, processes: ForkServerContext
) -> None:
    opening = [processes.Process(target=open_new, args=(url, key_file)) for _ in range(4)]
    for process in opening:
        process.start()
    for process in opening:
        process.join(30)
    assert [process.exitcode for process in opening] == [0] * 4
    assert [path.name for path in key_file.parent.iterdir()] == [key_file.name]


def test_a_newer_schema_is_refused(url: str, key_file: Path) -> None:
    open_store(url, key_file).close()
    database = Database(url)
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(EnvironmentFault, match="newer Crowbar") as raised:
        open_store(url, key_file)
    database.close()
    assert raised.value.hint


def test_a_migration_that_fails_leaves_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(url)
    with database.write() as connection:
        connection.execute(text("CREATE TABLE secrets (x INTEGER)"))  # the last but one that the migration makes
    with pytest.raises(Exception, match="secrets"):
        schema.migrate(database)
    with database.read() as connection:
        assert schema._revision(connection) == ""
        assert inspect(connection).get_table_names() == ["secrets"]
    database.close()


def test_the_embedded_database_is_private_and_in_wal_mode(tmp_path: Path) -> None:
    path = tmp_path / "odd %2F?#name" / "crowbar.db"
    open_store(sqlite_url(path), tmp_path / "keys" / "secret.key").close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
