"""Each machine in a cgroup of its own: systemd-nspawn would put all of them into one where systemd does not run."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from crowbar.errors import EnvironmentFault
from crowbar.rack.host import tried

_JOIN = 'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs" || exit 1; shift; done; shift; exec "$@"'


def joined(unit: str, argv: Sequence[str]) -> list[str]:
    """The command in a cgroup of that name, which is made, in each hierarchy that systemd uses."""
    folders = [hierarchy / unit for hierarchy in _hierarchies()]
    for folder in folders:
        folder.mkdir(exist_ok=True)
    return ["sh", "-c", _JOIN, "sh", *map(str, folders), "--", *argv]


def remove(unit: str) -> None:
    """Kill what is in the cgroup of that name and remove it. Raises EnvironmentFault if that cannot be done."""
    for hierarchy in _hierarchies():
        _remove(hierarchy / unit)


def _remove(folder: Path, timeout: float = 10) -> None:
    until = time.monotonic() + timeout
    while folder.is_dir():
        members = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
        for member in sorted(members, reverse=True):
            with suppress(OSError):  # a process has not quite ended, or systemd has removed it meanwhile
                pids = (member / "cgroup.procs").read_text().split()
                if pids:
                    tried("kill", "-KILL", *pids)
                member.rmdir()
        if not folder.is_dir():
            return
        if time.monotonic() > until:
            raise EnvironmentFault(f"Processes in {folder} cannot be ended.")
        time.sleep(0.05)


def _hierarchies() -> Iterator[Path]:
    """Where systemd's own cgroups are: the unified hierarchy, and on a hybrid host the one named systemd too."""
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        place, _, kind = line.partition(" - ")
        filesystem, _, options = kind.split(maxsplit=2)
        if filesystem == "cgroup2" or (filesystem == "cgroup" and "name=systemd" in options):
            yield Path(place.split()[4])
