"""The system that was written: grown to its disk, and set up."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path

from crowbar_inventory.agent.disks import Disk
from crowbar_inventory.agent.errors import OrderError
from crowbar_inventory.agent.files import put
from crowbar_inventory.agent.programs import contents, must, run
from crowbar_inventory.agent.target import REREAD


def grow(disk: Disk) -> str:
    """Let the last partition take all the disk, and its file system; the partition's device. Raises OrderError."""
    must(("sfdisk", "-q", "--no-reread", "--no-tell-kernel", "--force", "-N", _last(disk), disk.path), given=",+\n")
    with Path(disk.path).open("rb") as file, contextlib.suppress(OSError):
        fcntl.ioctl(file, REREAD)
    run(("partx", "--update", disk.path))  # where the kernel itself knows no such tables; else it changes nothing
    device = _partition(disk, _last(disk))
    run(("modprobe", "-q", "ext4"))
    if run(("resize2fs", device), 600).returncode != 0:  # it wants the file system checked, or it is damaged
        run(("e2fsck", "-fy", device), 600)
        must(("resize2fs", device), patience=600)
    return device


def _last(disk: Disk) -> str:
    table = json.loads(must(("sfdisk", "--json", disk.path)))["partitiontable"]
    last = max(table["partitions"], key=lambda part: int(part["start"]))
    return re.sub(r"^.*?(\d+)$", r"\1", str(last["node"]))


def _partition(disk: Disk, wanted: str) -> str:
    """The partition's device, made where nobody makes them: in containers."""
    number = Path(disk.path).stat().st_rdev
    folder = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}")
    for _ in range(50):
        for part in folder.glob("*/partition"):
            if contents(part) == wanted:
                device = Path("/dev", part.parent.name)
                major, minor = map(int, contents(part.parent / "dev").split(":"))
                if not device.exists():
                    device = Path("/dev/crowbar-root")
                    device.unlink(missing_ok=True)
                    os.mknod(device, 0o60600, os.makedev(major, minor))
                return str(device)
        time.sleep(0.1)
    raise OrderError(f"partition {wanted} of {disk.name} did not appear after the image was written")


def configure(device: str, folder: Path, made: Mapping[str, tuple[str, int]]) -> None:
    """Mount the installed system, and put the files into it. Raises OrderError."""
    folder.mkdir(parents=True, exist_ok=True)
    must(("mount", "-t", "ext4", device, str(folder)))
    try:
        if not os.path.ismount(folder) or not (folder / "etc").is_dir():
            raise OrderError(f"the image's last partition, {device}, is no root file system")
        put(folder, made)
    finally:
        must(("umount", str(folder)))
