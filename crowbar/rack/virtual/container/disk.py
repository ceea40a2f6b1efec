"""A container machine's disk: a file, seen by the discovery system as a whole disk, and by nspawn as its root."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from crowbar.errors import EnvironmentFault
from crowbar.rack.host import run, tried

_ROOT_TYPES = frozenset({"4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"})  # of a Linux root on x86-64
_SECTOR = 512
_MOUNT = 'mount -t ext4 -o "$1" "$2" "$3" || exit; shift 3; exec "$@"'
_SIGNATURE = b"\x55\xaa"


@dataclass(frozen=True)
class Extent:
    """Where a partition is, in bytes."""

    start: int
    size: int


def root_of(disk: Path) -> Extent | None:
    """The root partition, if the disk is one that firmware boots from: a loader's signature and a table."""
    with disk.open("rb") as file:
        first = file.read(_SECTOR)
    if first[-2:] != _SIGNATURE:
        return None
    done = subprocess.run(["sfdisk", "--json", str(disk)], capture_output=True, text=True, check=False)
    return root_in(done.stdout) if done.returncode == 0 else None


def root_in(table: str) -> Extent | None:
    """The root partition in what `sfdisk --json` printed."""
    try:
        parts = json.loads(table)["partitiontable"].get("partitions", [])
        found = [part for part in parts if part.get("type", "").upper() in _ROOT_TYPES]
        last = max(found, key=lambda part: int(part["start"]), default=None)
        return Extent(int(last["start"]) * _SECTOR, int(last["size"]) * _SECTOR) if last else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def attach(disk: Path, *, read_only: bool) -> Path:
    """The disk as a block device. Raises EnvironmentFault."""
    options = ["--read-only"] if read_only else []
    return Path(run("losetup", "--find", "--show", "--partscan", *options, str(disk)).strip())


def mounted(disk: Path, extent: Extent, root: Path, command: Sequence[str]) -> list[str]:
    """The command, with the root partition mounted on ``root`` for it and what it starts, and for nobody else.

    Every other container on the host keeps a copy of each mount that it could see when it started: with one of those,
    the file system would live on when this machine has lost its power, and what an installer writes beneath it would
    not be seen by the next boot.
    """
    place = f"loop,offset={extent.start},sizelimit={extent.size}"
    private = ("unshare", "--mount", "--propagation", "private", "--", "sh", "-c", _MOUNT, "sh")
    return [*private, place, str(disk), str(root), *command]


def release(disks: tuple[Path, ...], root: Path) -> None:
    """Unmount and detach, whatever there is of it; nothing of the machine runs any more. Raises EnvironmentFault."""
    while root.is_mount():
        if not tried("umount", str(root)):
            run("umount", "--lazy", str(root))
    for disk in disks:
        if disk.exists():
            for row in json.loads(run("losetup", "--json", "--list", "--associated", str(disk)) or "{}").get(
                "loopdevices", []
            ):
                if not tried("losetup", "--detach", row["name"]):
                    raise EnvironmentFault(f"{row['name']} cannot be detached from {disk}.")
