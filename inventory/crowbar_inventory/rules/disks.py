"""Which disk the system goes to, and why no other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from crowbar_inventory.hardware import Disk, SmartHealth
from crowbar_inventory.rules.conditions import Part
from crowbar_inventory.rules.terms import Patterns, Sizes, matches

MINIMUM = 2 * 1024**3  # bytes: on less, no node's system fits
_DIGITS = re.compile(r"(\d{1,9})")


class Prefer(StrEnum):
    """Which, where several will do."""

    SMALLEST = "smallest"
    LARGEST = "largest"
    FIRST = "first"  # by the kernel's name


class DiskChoice(Part):
    """What a rule says of the disk to install on."""

    prefer: Annotated[Prefer, Field(strict=False)] = Prefer.SMALLEST
    ssd: bool | None = None
    size: Sizes | None = None
    serial: Patterns = ()
    model: Patterns = ()
    transport: Patterns = ()


@dataclass(frozen=True)
class ChosenDisk:
    """The disk; None if none will do. ``excluded`` has a line for each other that may not be it."""

    disk: Disk | None
    reference: str  # its serial, where that is its alone; else the kernel's name
    because: str
    excluded: tuple[str, ...] = ()


def read_choice(value: object) -> object:
    """The short forms: ``smallest``, ``largest``, ``first`` and ``ssd``."""
    if value == "ssd":
        return {"ssd": True}
    if isinstance(value, str):
        if value not in set(Prefer):
            raise ValueError(f"must be {', '.join(Prefer)}, ssd or a mapping")
        return {"prefer": value}
    return value


def choose_disk(disks: Sequence[Disk], choice: DiskChoice, *, minimum: int = MINIMUM) -> ChosenDisk:
    """The disk to install on. ``minimum`` is what the image needs, in bytes."""
    judged = [(disk, _unfit(disk, choice, minimum)) for disk in disks]
    fit = sorted((disk for disk, reason in judged if not reason), key=lambda disk: _order(disk, choice.prefer))
    excluded = tuple(f"{disk.name}: {reason}" for disk, reason in judged if reason)
    if not fit:
        why = "; ".join(excluded) or "the server has none"
        return ChosenDisk(None, "", f"no disk to install on: {why}", excluded)
    disk = fit[0]
    serials = Counter(other.serial for other in disks)
    reference = disk.serial if disk.serial and serials[disk.serial] == 1 else disk.name
    what = f"the {choice.prefer} of {len(fit)} disks" if len(fit) > 1 else "the only disk"
    named = f"{disk.name} ({disk.serial})" if disk.serial else disk.name
    return ChosenDisk(disk, reference, f"install disk {named}: {what} that will do", excluded)


def _unfit(disk: Disk, choice: DiskChoice, minimum: int) -> str:
    """Why it cannot be the one, whatever a rule says; or why this rule does not want it."""
    if disk.removable or disk.transport == "usb":
        return "removable"
    if disk.smart is SmartHealth.FAILED:
        return "says that it is failing"
    if disk.size < minimum:
        return f"has {disk.size} bytes, {minimum} are needed"
    return _unwanted(disk, choice)


def _unwanted(disk: Disk, choice: DiskChoice) -> str:
    if choice.ssd is not None and choice.ssd == disk.rotational:
        return "turns" if disk.rotational else "does not turn"
    if choice.size is not None and disk.size not in choice.size:
        return f"has {disk.size} bytes, wanted {choice.size}"
    for name in ("serial", "model", "transport"):
        text, patterns = getattr(disk, name), getattr(choice, name)
        if patterns and not matches(text, patterns):
            return f"{name} is {text or 'not told'}, wanted {' or '.join(patterns)}"
    return ""


def _order(disk: Disk, prefer: Prefer) -> tuple[int, list[tuple[int, str]]]:
    size = {Prefer.SMALLEST: disk.size, Prefer.LARGEST: -disk.size, Prefer.FIRST: 0}[prefer]
    # sdb before sdaa, nvme2n1 before nvme10n1; the serial, as the same name twice would leave it open.
    parts = [(int(part), "") if part.isdecimal() else (len(part), part) for part in _DIGITS.split(disk.name)]
    return size, [*parts, (0, disk.serial)]
