"""Trouble with the database is told once, with what to do; and a killed writer loses no committed row."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from threading import Timer

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from crowbar.errors import EnvironmentFault
from crowbar.store import database as module
from crowbar.store.columns import now
from crowbar.store.database import sqlite_url
from crowbar.store.deployments import StepDraft
from crowbar.store.faults import translate
from crowbar.store.model import Event, StepKind, StepStatus
from crowbar.store.store import Store, open_store

FINISH = """
import sys
from pathlib import Path
from crowbar.store.deployments import StepDraft
from crowbar.store.model import Applied, StepKind, StepStatus
from crowbar.store.store import open_store
store = open_store(sys.argv[1], Path(sys.argv[2]))
drafts = [StepDraft(f"b/{n}@x", StepKind.APPLY, "b", str(n), "x", StepStatus.PENDING) for n in range(3000)]
for step in store.deployments.steps(store.deployments.create("", drafts).id):
    applied = Applied(step.key, "b", step.role, "x", "i")
    store.deployments.finish_step(step.id, StepStatus.SUCCEEDED, applied=applied, published={step.role: b"1"})
    print(step.role, flush=True)
"""


def test_sigkill_loses_no_committed_row(url: str, key_file: Path) -> None:
    open_store(url, key_file).close()
    command = [sys.executable, "-c", FINISH, url, str(key_file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        told = [writer.stdout.readline().strip() for _ in range(40)]
        writer.send_signal(signal.SIGKILL)
        told += writer.stdout.read().split()
    with open_store(url, key_file) as store:
        [deployment] = store.deployments.recover()
        succeeded = {s.role for s in store.deployments.steps(deployment.id) if s.status is StepStatus.SUCCEEDED}
        assert 40 <= len(told) < 3000
        assert set(told) <= succeeded
        assert len(succeeded) <= len(told) + 1
        # What belongs to a step is there exactly when the step is.
        assert {applied.role for applied in store.applied.list()} == succeeded
        assert {name for _, name in store.published.digests()} == succeeded


def test_a_locked_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUSY_SECONDS", 0)
    path = tmp_path / "crowbar.db"
    with open_store(sqlite_url(path), tmp_path / "key") as store:
        other = sqlite3.connect(path)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(EnvironmentFault, match="locked by another process") as raised:
            store.proposals.delete("a", "b")
        assert store.proposals.list() == []  # readers wait for nobody
        other.close()
        assert "Wait" in raised.value.hint
        store.proposals.delete("a", "b")


def test_who_loses_the_race_for_wal_mode_tries_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new.db"
    with (
        closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as first,
        closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as second,
    ):
        first.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr(module, "BUSY_SECONDS", 0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            module._use_wal(second.cursor())
        monkeypatch.setattr(module, "BUSY_SECONDS", 10)
        release = Timer(0.1, first.rollback)
        release.start()
        module._use_wal(second.cursor())
        release.join()
        assert second.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_full_disk(tmp_path: Path) -> None:
    with open_store(sqlite_url(tmp_path / "crowbar.db"), tmp_path / "key") as store:
        deployment = store.deployments.create("", []).id
        with store._database.write() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(EnvironmentFault, match="disk is full") as raised:
            store.events.append([Event(deployment, None, now(), "x", "x" * 10_000) for _ in range(10)])
        assert store.events.read(deployment) == []
    assert "goes on" in raised.value.hint


@pytest.mark.parametrize(
    "content", [b"This is a text of more than a hundred bytes. " * 100, b"SQLite format 3\0" + b"\xff" * 8192]
)
def test_a_file_that_is_no_database(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "crowbar.db"
    path.write_bytes(content)
    with pytest.raises(EnvironmentFault, match=r"is not an SQLite database|is damaged") as raised:
        open_store(sqlite_url(path), tmp_path / "key")
    assert raised.value.hint
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "cannot be read"),
        ("mysql://root:hush@host/crowbar", "does not keep its state in 'mysql'"),
        ("sqlite://", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite:////dev/null/crowbar.db", "cannot be opened"),
        ("postgresql://crowbar:hush@127.0.0.1:1/crowbar", "cannot be reached"),
    ],
)
def test_urls_that_lead_nowhere(url: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match=message) as raised:
        open_store(url, tmp_path / "key")
    assert raised.value.hint
    assert "hush" not in str(raised.value)
    assert not (tmp_path / "key").exists()


def test_what_postgresql_refuses(postgresql: Path, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="does not exist") as raised:
        open_store(f"postgresql://postgres@/none_such?host={postgresql}", tmp_path / "key")
    assert raised.value.hint
    with pytest.raises(EnvironmentFault, match='role "nobody"'):
        open_store(f"postgresql://nobody@/postgres?host={postgresql}", tmp_path / "key")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (psycopg.errors.DiskFull("no space"), "disk is full"),
        (psycopg.errors.TooManyConnections("too many"), "run out of resources"),
        (psycopg.errors.AdminShutdown("bye"), "shut down"),
        (psycopg.errors.ReadOnlySqlTransaction("read-only"), "read-only"),
        (psycopg.errors.InsufficientPrivilege("no"), "does not let"),
        (psycopg.errors.LockNotAvailable("no"), "locked"),
        (psycopg.errors.DeadlockDetected("no"), "concurrent"),
    ],
)
def test_postgresql_errors_are_translated(error: psycopg.Error, message: str) -> None:
    fault = translate(OperationalError("SELECT", {}, error), "postgresql://host/crowbar")
    assert fault is not None
    assert message in fault.message
    assert fault.hint


def test_a_defect_of_ours_keeps_its_traceback(store: Store) -> None:
    draft = StepDraft("a/b@c", StepKind.APPLY, "a", "b", "c", StepStatus.PENDING)
    with pytest.raises(IntegrityError) as raised:
        store.deployments.create("a private summary", [draft, draft])
    assert store.deployments.list() == []
    assert "private" not in str(raised.value)
