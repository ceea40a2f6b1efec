"""The names of one run's resources: how they are made unique, and how a dead run's are told from a live one's."""

from __future__ import annotations

import fcntl
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_PREFIX = "crowbar-verify-"
_NAME = re.compile(rf"^({_PREFIX}([0-9a-f]{{8}})[0-9a-f]{{4}})(?:$|-)")
STALE_AFTER = 3600  # seconds; a run takes some minutes, on any host


def new_run() -> str:
    """A prefix for all names of a run. It holds the time (hexadecimal seconds), as not every resource has one."""
    return f"{_PREFIX}{int(time.time()):08x}{secrets.token_hex(2)}"


def run_of(name: str | None) -> str | None:
    """The run that made a resource of that name, or None if none did."""
    match = _NAME.match(name or "")
    return match[1] if match else None


def started(run: str) -> int:
    """When a run started, in seconds since the epoch."""
    match = _NAME.match(run)
    if match is None:
        raise ValueError(f"{run!r} names no run")
    return int(match[2], 16)


@contextmanager
def alive(run: str, folder: Path) -> Iterator[None]:
    """Hold the lock that shows other runs of this host that ``run`` lives; the kernel drops it if it is killed."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run}.lock"
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def dead_runs(folder: Path, now: float) -> Callable[[str], bool]:
    """A test for runs that cannot be alive: killed on this host, or started elsewhere over STALE_AFTER ago."""

    def dead(run: str) -> bool:
        path = folder / f"{run}.lock"
        if not path.exists():
            return now - started(run) > STALE_AFTER
        with path.open("r+") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    return dead


def forget(folder: Path, dead: Callable[[str], bool]) -> None:
    """Delete the locks of dead runs, once their resources are gone."""
    for path in folder.glob(f"{_PREFIX}*.lock"):
        if run_of(path.stem) and dead(path.stem):
            path.unlink(missing_ok=True)
