"""A folder of things that are named by their digests: each is complete or absent, and one is built at a time."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from crowbar.errors import EnvironmentFault

_PARTIAL = "partial-"


def partial(folder: Path) -> Path:
    """Where to build what shall be called ``folder`` when it is complete."""
    return folder.with_name(f"{_PARTIAL}{folder.name}")


def remove_partial(shelf: Path) -> None:
    """Delete what killed or failed builds left. Raises EnvironmentFault rather than delete through a mount."""
    for path in shelf.glob(f"{_PARTIAL}*"):
        mounted = [
            line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f" {path.resolve()}/" in line
        ]
        if mounted:
            raise EnvironmentFault(f"Something is mounted below {path}.", hint=f"Unmount it, then delete {path}.")
        shutil.rmtree(path)


@contextmanager
def only_one(shelf: Path, progress: Callable[[str], None]) -> Iterator[None]:
    """Wait until no other process builds on this shelf, and be the one. The kernel lets go when we die."""
    with (shelf / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress("waiting for another build of this kind")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def check_programs(packages: Mapping[str, str], purpose: str) -> None:
    """Every program (mapped to its package) is there. Raises EnvironmentFault that names the packages which lack."""
    missing = sorted({package for program, package in packages.items() if shutil.which(program) is None})
    if missing:
        raise EnvironmentFault(
            f"Programs that {purpose} are missing: {', '.join(missing)}.",
            hint=f"Run `apt-get install {' '.join(missing)}`, or `make setup`, which does it.",
        )
