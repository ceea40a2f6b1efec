"""A store on each database that Crowbar supports: SQLite, and a real PostgreSQL of the test run's own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from multiprocessing import get_context
from multiprocessing.context import ForkServerContext
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import delete

from crowbar.store.database import Database, sqlite_url
from crowbar.store.schema import migrate
from crowbar.store.store import Store, open_store
from crowbar.store.tables import metadata
from tests.conftest import place

_numbers = count()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Path]:
    """The socket folder of a private PostgreSQL server, which ends with the test run."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not found:
        pytest.fail("PostgreSQL is not installed: apt-get install postgresql")
    # PostgreSQL refuses to run as root; Debian's package brings the user.
    user = "postgres" if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="crowbar-pg-"))
    if user:
        shutil.chown(folder, user)
    arguments = ["-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-U", "postgres"]
    subprocess.run([found[-1] / "initdb", "-D", folder / "data", *arguments], user=user, cwd=folder, check=True)
    settings = ["listen_addresses=", f"unix_socket_directories={folder}", "fsync=off"]
    options = [word for setting in settings for word in ("-c", setting)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [found[-1] / "postgres", "-D", folder / "data", *options], user=user, cwd=folder, stdout=log, stderr=log
        )
    try:
        _wait(folder, server)
        yield folder
    finally:
        server.send_signal(signal.SIGINT)  # its "fast shutdown"
        server.wait(timeout=30)
        shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path / "state" / "crowbar.db")
    return _new_schema(request.getfixturevalue("postgresql"))


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """Where the store's key is to be."""
    return tmp_path / "keys" / "secret.key"


@pytest.fixture(scope="session")
def processes() -> ForkServerContext:
    """Starts processes that have all imports behind them, so that several really are at the same thing at once."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.store.at_once", "alembic.command", "psycopg"])
    return context


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path, key_file: Path) -> Iterator[Store]:
    """An empty store. Making the tables takes a tenth of a second, so they are copied, or emptied."""
    if request.param == "sqlite":
        path = tmp_path / "state" / "crowbar.db"
        place(request.getfixturevalue("migrated"), path)
        url = sqlite_url(path)
    else:
        url = request.getfixturevalue("migrated_postgresql")
        _empty(url)
    with open_store(url, key_file) as store:
        yield store


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: Path) -> str:
    """The URL of a PostgreSQL schema with all tables, which the tests use one after another."""
    url = _new_schema(postgresql)
    database = Database(url)
    migrate(database)
    database.close()
    return url


def _empty(url: str) -> None:
    database = Database(url)
    with database.write() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(delete(table))
    database.close()


def _new_schema(folder: Path) -> str:
    """A schema of the server's one database: made in a hundredth of a database's time."""
    name = f"crowbar{next(_numbers)}"
    with psycopg.connect(host=str(folder), user="postgres") as connection:
        connection.execute(f"CREATE SCHEMA {name}".encode())
    return f"postgresql://postgres@/postgres?host={folder}&options=-csearch_path%3D{name}"


def _wait(folder: Path, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(host=str(folder), user="postgres").close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"PostgreSQL did not start:\n{(folder / 'log').read_text()}")
            time.sleep(0.05)
