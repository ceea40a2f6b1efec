"""/proc/meminfo: the memory that the kernel has."""

from __future__ import annotations

import re

from crowbar_inventory.parse.values import Notes, number

_TOTAL = re.compile(r"^MemTotal:\s*(\d{1,18})\s*kB", re.MULTILINE | re.ASCII)


def read_meminfo(text: str, notes: Notes) -> int:
    """MiB; 0, with a note, if it does not tell."""
    found = _TOTAL.search(text)
    if not found:
        if text.strip():
            notes.add("no MemTotal in it")
        return 0
    return number(found[1]) // 1024
