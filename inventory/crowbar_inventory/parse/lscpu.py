"""`lscpu -J`: a list of fields, flat or (since 2.38, on a terminal) with children."""

from __future__ import annotations

from typing import Any

from crowbar_inventory.hardware import Cpu
from crowbar_inventory.parse.values import ROWS, Notes, few, load, number, row, rows, word
from crowbar_inventory.text import told

_COUNT_MAX = 1_000_000
_FLAGS = 1024
_FLAG = 64  # characters
_VIRTUALIZATION = {"vmx", "svm"}


def read_lscpu(text: str, notes: Notes) -> Cpu:
    """The processors; an empty Cpu, with a note, if it tells of none."""
    fields = _fields(row(load(text, notes)).get("lscpu"))
    threads = _count(fields, "CPU(s)")
    if text.strip() and not threads:
        notes.add("it tells no number of processors")
    sockets = _count(fields, "Socket(s)")
    flags = frozenset(flag[:_FLAG] for flag in few(fields.get("Flags", "").split(), _FLAGS))
    return Cpu(
        model=told(fields.get("Model name", "")) or told(fields.get("BIOS Model name", "")),
        architecture=told(fields.get("Architecture", "")),
        sockets=sockets,
        cores=_cores(fields, sockets, threads),
        threads=threads,
        mhz=next(filter(None, (_count(fields, key) for key in ("CPU max MHz", "CPU MHz"))), 0),
        flags=flags,
        virtualization=bool(flags & _VIRTUALIZATION) or fields.get("Virtualization", "") in {"VT-x", "AMD-V"},
    )


def _fields(value: Any) -> dict[str, str]:
    """Every field's text by its name without the colon; of several with one name, the first."""
    found: dict[str, str] = {}
    waiting = rows(value)[::-1]
    while waiting and len(found) < ROWS:
        entry = waiting.pop()
        name = word(entry.get("field")).rstrip(":")
        data = entry.get("data")
        # Flags are longer than any other text is allowed to be: they are cut one by one.
        found.setdefault(name, data if name == "Flags" and isinstance(data, str) else word(data))
        waiting.extend(rows(entry.get("children"))[::-1])
    return found


def _count(fields: dict[str, str], name: str) -> int:
    return number(fields.get(name, ""), _COUNT_MAX)


def _cores(fields: dict[str, str], sockets: int, threads: int) -> int:
    """In all sockets. Some ARM servers count clusters, and leave the sockets to "-"."""
    cores = sockets * _count(fields, "Core(s) per socket")
    cores = cores or _count(fields, "Cluster(s)") * _count(fields, "Core(s) per cluster")
    return cores or threads // max(1, _count(fields, "Thread(s) per core"))
