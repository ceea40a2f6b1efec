"""The disks that there are, and which one is meant."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crowbar_inventory.agent.errors import OrderError
from crowbar_inventory.agent.programs import contents

_NO_DISKS = ("loop", "ram", "zram", "sr", "dm-", "md", "fd", "nbd")


@dataclass(frozen=True)
class Disk:
    """One whole disk: sizes in bytes."""

    name: str
    path: str
    size: int
    serial: str = ""
    sector: int = 512
    removable: bool = False


def disks(played: Mapping[str, Any]) -> list[Disk]:
    """The whole disks that there are now."""
    if played:
        return _played_disks(played)
    found = []
    for folder in sorted(Path("/sys/block").iterdir()):
        size = contents(folder / "size")
        if folder.name.startswith(_NO_DISKS) or not size.isdecimal() or size == "0":
            continue
        serial = contents(folder / "serial") or contents(folder / "device/serial") or _page_serial(folder)
        sector = int(contents(folder / "queue/logical_block_size") or 512)
        removable = contents(folder / "removable") == "1"
        found.append(Disk(folder.name, f"/dev/{folder.name}", int(size) * 512, serial, sector, removable))
    return found


def _page_serial(folder: Path) -> str:
    """A SCSI or SATA disk's serial number, from its page 0x80 (SPC-4)."""
    with contextlib.suppress(OSError):
        page = (folder / "device/vpd_pg80").read_bytes()
        return page[4 : 4 + int.from_bytes(page[2:4], "big")].decode("ascii", "replace").strip()
    return ""


def _played_disks(played: Mapping[str, Any]) -> list[Disk]:
    path = str(played.get("disk", ""))
    try:
        with Path(path).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
        listed = json.loads(played.get("raw", {}).get("lsblk", "{}")).get("blockdevices", [])
    except OSError:
        return []
    name = path.rpartition("/")[2]
    serials = [str(disk.get("serial") or "") for disk in listed if disk.get("name") == name]
    return [Disk(name, path, size, serials[0] if serials else "")]


def choose(wanted: str, found: Sequence[Disk]) -> Disk:
    """The disk of that serial number, else of that name. Raises OrderError if there is not exactly one."""
    fitting = [disk for disk in found if disk.serial == wanted] or [disk for disk in found if disk.name == wanted]
    if len(fitting) == 1:
        return fitting[0]
    there = ", ".join(f"{disk.name} ({disk.serial or 'without serial number'})" for disk in found) or "none"
    raise OrderError(f"{len(fitting) or 'no'} disks are called {wanted!r}; this machine has: {there}")
