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

from crowbar.store.database import sqlite_url
from crowbar.store.store import Store, open_store
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
    folder: Path = request.getfixturevalue("postgresql")
    name = f"crowbar{next(_numbers)}"  # a schema of the one database: made in a hundredth of a database's time
    with psycopg.connect(host=str(folder), user="postgres") as connection:
        connection.execute(f"CREATE SCHEMA {name}".encode())
    return f"postgresql://postgres@/postgres?host={folder}&options=-csearch_path%3D{name}"


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


@pytest.fixture
def store(url: str, key_file: Path, migrated: Path) -> Iterator[Store]:
    """An empty store."""
    if url.startswith("sqlite"):
        place(migrated, Path(url.removeprefix("sqlite:///")))
    with open_store(url, key_file) as store:
        yield store


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
