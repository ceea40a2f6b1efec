"""What can be ordered."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crowbar_inventory.agent.checked import items, line, text
from crowbar_inventory.agent.disks import Disk, choose, disks
from crowbar_inventory.agent.errors import AbsentError, DamagedError, OrderError
from crowbar_inventory.agent.files import files
from crowbar_inventory.agent.image import MIB, Image, write_image
from crowbar_inventory.agent.programs import run
from crowbar_inventory.agent.reporting import Report
from crowbar_inventory.agent.root import configure, grow
from crowbar_inventory.agent.target import DISCARD, REREAD, SECTOR, Target

if TYPE_CHECKING:
    from crowbar_inventory.agent.agent import Agent

_TRIES = 3  # of an image that is damaged on the way
_ABSENT = 900.0  # seconds for which an admin node is waited for that does not send it
LAST_ORDERS = {"reboot": (0x01234567, "b"), "power-off": (0x4321FEDC, "o")}  # reboot(2)'s, and sysrq's


def install(agent: Agent, params: Mapping[str, Any], report: Report) -> str:
    """Write the image to the disk, grow it, make it this machine's."""
    image, made = Image.read(params), files(params)  # all of the order is looked at before anything is written
    disk = choose(text(params, "disk", 255), disks(agent.settings.played))
    if disk.size < image.size:
        raise OrderError(f"{disk.name} is too small: it has {disk.size} bytes, and the image needs {image.size}")
    if disk.sector != SECTOR:
        raise OrderError(f"{disk.name} has sectors of {disk.sector} bytes, and the image is made for 512")
    report(0, f"writing {image.size // MIB} MiB to {disk.name} ({disk.serial or 'without serial number'})")
    _write(agent, image, disk, report)
    report(92, f"growing the last partition of {disk.name}")
    device = grow(disk)
    report(96, f"configuring {device}")
    configure(device, agent.settings.state / "root", made)
    os.sync()
    return (
        f"{disk.name} is installed: {image.size // MIB} MiB, verified, and set up as {line(params, 'hostname', '.*')}"
    )


def _write(agent: Agent, image: Image, disk: Disk, report: Report) -> None:
    """Write the image, again where it was damaged on the way; an admin node that is away is waited for, and no try."""
    attempt, until = 1, time.monotonic() + _ABSENT
    while True:
        try:
            write_image(agent.admin, image, disk, report)
            return
        except AbsentError as fault:
            if time.monotonic() > until:
                raise OrderError(f"{fault}; given up after {_ABSENT:.0f} s") from fault
            report(0, f"{fault}; waiting for the admin node")
            agent.wait(1)
        except DamagedError as fault:
            if attempt == _TRIES:
                raise OrderError(f"{fault}; given up after {_TRIES} tries") from fault
            attempt += 1
            report(0, f"{fault}; starting over, try {attempt} of {_TRIES}")
            agent.wait(attempt)


def wipe(agent: Agent, params: Mapping[str, Any], report: Report) -> str:
    """Make disks forget what is on them: discarded where they can do that, else their tables and signatures alone."""
    found = disks(agent.settings.played)
    if params.get("disks") == "all":
        chosen = [disk for disk in found if not disk.removable]
    else:
        chosen = [choose(name, found) for name in items(params, "disks", str)]
    for place, disk in enumerate(chosen):
        report(place * 100 // len(chosen), f"wiping {disk.name} ({disk.serial or 'without serial number'})")
        target = Target(disk)
        try:
            with contextlib.suppress(OSError):  # many cannot
                fcntl.ioctl(target.file, DISCARD, struct.pack("QQ", 0, disk.size))
            run(("wipefs", "--all", "--force", disk.path))
            target.ends()
            target.finish()
            with contextlib.suppress(OSError):
                fcntl.ioctl(target.file, REREAD)
        finally:
            os.close(target.file)
    return f"{len(chosen)} disks wiped: {', '.join(disk.name for disk in chosen)}"


def inspect(agent: Agent, _params: Mapping[str, Any], _report: Report) -> str:
    """Look at the hardware again."""
    agent.send_inventory(anew=True)
    return "the inventory was taken anew"


ORDERS: dict[str, Callable[[Agent, Mapping[str, Any], Report], str]] = {
    "inspect": inspect,
    "wipe": wipe,
    "install": install,
}


def last_step(kind: str, params: object) -> str:
    """How the machine is left after the order, if it is: a machine without BMC starts what was installed by itself."""
    if kind == "install" and isinstance(params, dict) and params.get("reboot") is True:
        return "reboot"
    return kind if kind in LAST_ORDERS else ""


def leave(kind: str) -> None:
    """Reboot or power off, whatever else goes on."""
    import ctypes

    os.sync()
    number, letter = LAST_ORDERS[kind]
    ctypes.CDLL(None, use_errno=True).reboot(number)
    Path("/proc/sysrq-trigger").write_text(letter, "ascii")
