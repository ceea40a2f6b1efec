"""Connections and transactions on SQLite or PostgreSQL; the one place that database errors are translated in."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, Insert, Table, create_engine, event, make_url
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import ArgumentError, DBAPIError

from crowbar.errors import EnvironmentFault
from crowbar.store.faults import translate

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql

BUSY_SECONDS = 30  # how long a writer waits for another one
_CONNECTIONS = 16  # kept open; more are made when more threads read at once, and closed again
_WRITE = "crowbar_write"


def sqlite_url(path: Path) -> str:
    """The URL of an embedded database at ``path``, whatever characters the path has."""
    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


class Database:
    """A pool of connections. Reads and writes are transactions, and fail with EnvironmentFault only."""

    def __init__(self, url: str) -> None:
        """Prepare the pool; nothing is connected yet.

        Raises EnvironmentFault for a URL that is neither SQLite's nor PostgreSQL's.
        """
        parsed = _parse(url)
        self.name = parsed.render_as_string(hide_password=True)
        # Parameters are hidden because SQLAlchemy would print them, secrets too, in the text of its exceptions.
        if parsed.get_backend_name() == "sqlite":
            _create_private(Path(str(parsed.database)))
            # SQLite lets its writers wait by sleeping, up to a tenth of a second each time, and whoever wakes first is
            # next: with many threads some starve. Those of one process line up here instead.
            self._turn: AbstractContextManager[Any] = Lock()
            self._engine = create_engine(parsed, hide_parameters=True, pool_size=_CONNECTIONS)
            _set_up_sqlite(self._engine)
        else:
            self._turn = nullcontext()
            arguments = {"connect_timeout": 10, "application_name": "crowbar"}
            self._engine = create_engine(
                parsed, hide_parameters=True, pool_size=_CONNECTIONS, pool_pre_ping=True, connect_args=arguments
            )

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads: one consistent view, and no one waits for it."""
        with self._translated(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes: committed at the end of the block, rolled back if it raises."""
        with self._translated(), self._turn, self._engine.connect() as plain:
            connection = plain.execution_options(**{_WRITE: True})
            with connection.begin():
                yield connection

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            fault = translate(error, self.name)
            if fault is None:  # a defect of ours, not of the environment: its traceback is wanted
                raise
            raise fault from error


def upsert(connection: Connection, table: Table, values: dict[str, Any]) -> None:
    """Insert the row, or replace the one with the same primary key."""
    connection.execute(_upsert(connection.dialect.name, table, tuple(values)), values)


def insert_if_missing(connection: Connection, table: Table, values: dict[str, Any]) -> None:
    """Insert the row unless there is one with the same primary key, also one that is just being committed."""
    connection.execute(_insert_if_missing(connection.dialect.name, table), values)


# Making a statement takes longer than running it, and steps write the same ones again and again.


def insert(dialect: str, table: Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that can say ON CONFLICT; both databases spell it alike, SQLAlchemy has a class for each."""
    if dialect == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # with all its types: it takes longer to import than to use

    return postgresql.insert(table)


@cache
def _upsert(dialect: str, table: Table, names: tuple[str, ...]) -> Insert:
    statement = insert(dialect, table)
    keys = [column.name for column in table.primary_key]
    rest = {name: statement.excluded[name] for name in names if name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=rest)


@cache
def _insert_if_missing(dialect: str, table: Table) -> Insert:
    return insert(dialect, table).on_conflict_do_nothing()


def _parse(url: str) -> URL:
    hint = "Use sqlite:////path/to/crowbar.db or postgresql://user:password@host/database."
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise EnvironmentFault("The database's URL cannot be read.", hint=hint) from error
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername != "sqlite":
        raise EnvironmentFault(f"Crowbar does not keep its state in {parsed.drivername!r}.", hint=hint)
    if parsed.database in (None, "", ":memory:"):
        raise EnvironmentFault("The database's URL names no file, and state must outlive the process.", hint=hint)
    return parsed


def _create_private(path: Path) -> None:
    """Make the database's file, readable by its owner only, before SQLite would make it by the umask."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise EnvironmentFault(
            f"The database {path} cannot be opened: {error.strerror}.",
            hint="Run as root, or set CROWBAR_STATE_DIR to a folder that you may write to.",
        ) from error


def _use_wal(cursor: sqlite3.Cursor) -> None:
    """Switch to WAL mode. Who loses a race for it is told "busy" at once: SQLite's own waiting does not cover it."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _set_up_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # Python's own transactions begin too late: we say BEGIN ourselves
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")  # first: the next ones may have to wait
        _use_wal(cursor)
        cursor.execute("PRAGMA synchronous = NORMAL")  # a killed process loses nothing; a power cut the last moments
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        # A reader that turns writer fails at once instead of waiting, so a writer takes its lock at the start.
        write = connection.get_execution_options().get(_WRITE, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
