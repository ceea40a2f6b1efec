"""A machine's processes on the host: found by name each time, so a reused process id is never mistaken for one."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_PROGRAMS = frozenset({"systemd-nspawn", "sh", "setsid"})  # `launch` comes to the first by the others
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Usage:
    """What a machine's processes have used: CPU seconds since they started, and memory now in MiB (shares added up)."""

    cpu_seconds: float
    memory_mib: float


def find(machine: str) -> int | None:
    """The process id of the machine's systemd-nspawn, or of what is about to become it; None if it does not run."""
    for folder in _PROC.iterdir():
        if folder.name.isdecimal() and _is_machine(folder, machine):
            return int(folder.name)
    return None


def _is_machine(folder: Path, machine: str) -> bool:
    try:
        words = (folder / "cmdline").read_bytes().split(b"\0")
        owner = folder.stat().st_uid
    except OSError:  # it has ended since
        return False
    return (
        owner == 0
        and Path(words[0].decode(errors="replace")).name in _PROGRAMS
        and f"--machine={machine}".encode() in words
    )


def send(machine: str, number: signal.Signals) -> bool:
    """Send the machine's systemd-nspawn a signal; whether it ran."""
    pid = find(machine)
    if pid is None:
        return False
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        # Held by the descriptor, the id cannot be another's now; it is looked at once more.
        if not _is_machine(_PROC / str(pid), machine):
            return False
        signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)
    return True


def usage(machine: str) -> Usage:
    """What the machine's processes have used, systemd-nspawn's own included; nothing if it does not run."""
    cpu = memory = 0.0
    pid = find(machine)
    for member in _family(pid) if pid is not None else ():
        folder = _PROC / str(member)
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            cpu += sum(map(int, fields[11:15])) / _TICKS  # own and waited-for children's, user and system
            shares = [line for line in (folder / "smaps_rollup").read_text().splitlines() if line.startswith("Pss:")]
            memory += sum(int(line.split()[1]) for line in shares) / 1024
        except OSError:  # it has ended since, or is a zombie without memory
            continue
    return Usage(cpu, memory)


def _family(pid: int) -> Iterator[int]:
    yield pid
    try:
        for thread in (_PROC / str(pid) / "task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from _family(int(child))
    except OSError:  # it has ended since
        return
