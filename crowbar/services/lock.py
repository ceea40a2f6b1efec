"""One deployment at a time on an admin host, and one `crowbar serve`."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from crowbar.errors import EnvironmentFault
from crowbar.paths import StateDir

_held: ContextVar[frozenset[Path]] = ContextVar("held", default=frozenset())


@contextlib.contextmanager
def deployment_lock(state: StateDir) -> Iterator[None]:
    """Hold the right to change the cloud. The kernel takes it back when this process ends, however it ends.

    Who holds it may take it again further in: a command holds it from before it builds the machine, and the deployment
    that it then starts takes it too. Raises EnvironmentFault, naming the process that holds it.
    """
    if state.lock in _held.get():
        yield
        return
    hint = "Wait for it (crowbar logs --follow), or stop it with Ctrl-C where it runs."
    with _exclusive(state.lock, "Another deployment is running", hint):
        token = _held.set(_held.get() | {state.lock})
        try:
            yield
        finally:
            _held.reset(token)


@contextlib.contextmanager
def serving_lock(state: StateDir) -> Iterator[None]:
    """Hold the right to serve the admin network from this state folder.

    Raises EnvironmentFault, naming the process that holds it.
    """
    hint = "One serves all machines: stop that one first (systemctl stop crowbar-serve, or Ctrl-C where it runs)."
    with _exclusive(state.serving, "Another `crowbar serve` is running", hint):
        yield


@contextlib.contextmanager
def _exclusive(path: Path, taken: str, hint: str) -> Iterator[None]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Close-on-exec: a machine that we start lives longer than we do, and must not hold the lock for us.
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _holder(descriptor)
            who = f"process {pid}" if pid else "another process"
            raise EnvironmentFault(f"{taken} ({who} holds {path}).", hint=hint) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def running_pid(state: StateDir) -> int | None:
    """The process id of the deployment that runs now, or None."""
    return _holder_of(state.lock)


def serving_pid(state: StateDir) -> int | None:
    """The process id of the `crowbar serve` that runs now, or None."""
    return _holder_of(state.serving)


def _holder_of(path: Path) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # A shared lock can be had exactly when nobody holds the exclusive one.
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(descriptor)
    finally:
        os.close(descriptor)
    return None


def _holder(descriptor: int) -> int | None:
    text = os.pread(descriptor, 32, 0).strip()
    return int(text) if text.isdigit() else None
