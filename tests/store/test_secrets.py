"""Secrets are generated once, and lie nowhere in plain."""

from __future__ import annotations

import re
import sqlite3
import subprocess
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from crowbar.catalog.model import SecretKind, SecretRef, SecretSpec
from crowbar.errors import EnvironmentFault
from crowbar.store.deployments import StepDraft
from crowbar.store.model import StepKind, StepStatus
from crowbar.store.store import Store, open_store

from .at_once import ensure_secrets

PASSWORD = SecretSpec("admin_password", "The administrator's")


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [(SecretKind.PASSWORD, r"[A-Za-z0-9]{21}"), (SecretKind.HEX, r"[0-9a-f]{21}"), (SecretKind.FERNET, r".{44}")],
)
def test_each_kind(store: Store, kind: SecretKind, pattern: str) -> None:
    spec = SecretSpec("x", "", kind, 21)
    value = store.secrets.value(store.secrets.ensure("keystone", spec))
    assert re.fullmatch(pattern, value)
    if kind is SecretKind.FERNET:
        Fernet(value)


def test_a_secret_is_generated_once(store: Store) -> None:
    ref = store.secrets.ensure("keystone", PASSWORD)
    value = store.secrets.value(ref)
    assert store.secrets.ensure("keystone", PASSWORD) == ref == SecretRef("keystone", "admin_password", 1)
    assert store.secrets.value(ref) == value
    other = store.secrets.ensure("glance", PASSWORD)
    assert store.secrets.value(other) != value
    assert store.secrets.refs() == [other, ref]
    assert sorted(store.secrets.values()) == sorted([value, store.secrets.value(other)])


def test_a_rotated_secret_keeps_its_old_value(store: Store) -> None:
    first = store.secrets.ensure("keystone", PASSWORD)
    old = store.secrets.value(first)
    second = store.secrets.rotate(first)
    assert second.version == 2
    assert store.secrets.rotate(first) == store.secrets.ensure("keystone", PASSWORD) == second
    assert store.secrets.value(first) == old != store.secrets.value(second)
    assert store.secrets.refs() == [second]
    assert len(store.secrets.values()) == 2


def test_a_secret_that_is_not_there(store: Store) -> None:
    with pytest.raises(LookupError, match="no secret a/b of version 1"):
        store.secrets.value(SecretRef("a", "b"))
    with pytest.raises(LookupError, match="no secret a/b of version 1"):
        store.secrets.rotate(SecretRef("a", "b"))


def test_processes_that_ensure_at_once_get_the_same(url: str, key_file: Path, processes: ForkServerContext) -> None:
    open_store(url, key_file).close()
    together = processes.Barrier(2)
    pipes = [processes.Pipe(duplex=False) for _ in range(2)]
    ensuring = [processes.Process(target=ensure_secrets, args=(url, key_file, together, theirs)) for _, theirs in pipes]
    for process in ensuring:
        process.start()
    one, other = [ours.recv() if ours.poll(30) else None for ours, _ in pipes]
    for process in ensuring:
        process.join(30)
    for end in (end for pipe in pipes for end in pipe):
        end.close()
    assert [process.exitcode for process in ensuring] == [0, 0]
    assert one == other
    assert one is not None and len(set(one)) == 20


def test_published_facts_change_their_digest_only_with_their_value(store: Store) -> None:
    drafts = [StepDraft("swift/a@n", StepKind.APPLY, "swift", "a", "n", StepStatus.PENDING)]
    [step] = store.deployments.steps(store.deployments.create("", drafts).id)
    assert store.published.get("swift", "rings") is None
    digests = []
    for value in (b"one", b"one", b"two"):
        store.deployments.finish_step(step.id, StepStatus.SUCCEEDED, published={"rings": value})
        assert store.published.get("swift", "rings") == value
        digests.append(store.published.digests()[("swift", "rings")])
    assert digests[0] == digests[1] != digests[2]


def test_a_dump_holds_no_secret_in_plain(url: str, key_file: Path) -> None:
    with open_store(url, key_file) as store:
        for kind in SecretKind:
            store.secrets.ensure("keystone", SecretSpec(kind.value, "", kind))
        drafts = [StepDraft("swift/a@n", StepKind.APPLY, "swift", "a", "n", StepStatus.PENDING)]
        [step] = store.deployments.steps(store.deployments.create("", drafts).id)
        store.deployments.finish_step(step.id, StepStatus.SUCCEEDED, published={"seed": b"a published secret"})
        values = [*store.secrets.values(), "a published secret", key_file.read_text().strip()]
        dumped = _dump(url)
    assert b"published" in dumped
    for value in values:
        for form in (value.encode(), value.encode().hex().encode()):
            assert form not in dumped


def test_the_key_file_is_private(store: Store, key_file: Path) -> None:
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert key_file.parent.stat().st_mode & 0o777 == 0o700


def test_a_key_that_is_there_is_used(url: str, key_file: Path) -> None:
    key = Fernet.generate_key()
    key_file.parent.mkdir()
    key_file.write_bytes(key)
    key_file.chmod(0o600)
    open_store(url, key_file).close()
    assert key_file.read_bytes() == key


@pytest.mark.parametrize(
    ("content", "mode", "message"),
    [
        (None, 0, "is missing"),
        (b"", 0o600, "does not hold a Fernet key"),
        (b"\xff\0 no key", 0o600, "does not hold a Fernet key"),
        (Fernet.generate_key(), 0o600, "is not the key of this database"),
        (Fernet.generate_key(), 0o640, "is open to other users"),
    ],
    ids=["missing", "empty", "garbage", "another", "open"],
)
def test_a_key_that_does_not_fit(url: str, key_file: Path, content: bytes | None, mode: int, message: str) -> None:
    with open_store(url, key_file) as store:
        store.secrets.ensure("keystone", PASSWORD)
    key_file.unlink()
    if content is not None:
        key_file.write_bytes(content)
        key_file.chmod(mode)
    with pytest.raises(EnvironmentFault, match=message) as raised:
        open_store(url, key_file)
    assert raised.value.hint
    assert key_file.exists() == (content is not None)


def test_a_key_that_cannot_be_read(url: str, key_file: Path) -> None:
    open_store(url, key_file).close()
    key_file.unlink()
    key_file.mkdir()
    with pytest.raises(EnvironmentFault, match="cannot be read: Is a directory"):
        open_store(url, key_file)


def test_a_key_that_cannot_be_written(url: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentFault, match="cannot be written: File exists"):
        open_store(url, tmp_path / "file" / "secret.key")


def _dump(url: str) -> bytes:
    if url.startswith("sqlite"):
        path = Path(url.removeprefix("sqlite:///"))
        connection = sqlite3.connect(path)
        text = "\n".join(connection.iterdump()).encode()
        connection.close()
        return text + b"".join(file.read_bytes() for file in path.parent.iterdir())
    return subprocess.run(["pg_dump", url], stdout=subprocess.PIPE, check=True).stdout
