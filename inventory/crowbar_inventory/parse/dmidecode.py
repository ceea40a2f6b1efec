"""`dmidecode`: what the firmware's tables say of the system, its board and its memory.

A structure is a title at the line's beginning (after a Handle line, unless `-q` was given) and indented `Key: value`
lines; values that are lists are indented further. Titles repeat: a blade has its own chassis and the enclosure's.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from crowbar_inventory.hardware import Firmware, MemoryModule
from crowbar_inventory.parse.values import ROWS, Notes, number, size
from crowbar_inventory.text import told

_PREAMBLE = re.compile(r"#|Handle |Getting |SMBIOS |DMI |Table |Invalid |Wrong |End Of Table|Cannot |Can't ")
_MIB = 1024 * 1024
_SPEED_MAX = 1_000_000

# A ROM's chip is listed like a memory module; persistent memory holds files and is no main memory.
_NO_RAM = re.compile(r"flash|rom|logical non-volatile device|cache", re.IGNORECASE)

Fields = Mapping[str, str]


@dataclass(frozen=True)
class Dmi:
    """What DMI tells of the whole system; `uuid` and `serial` as they stand there."""

    uuid: str = ""
    serial: str = ""
    vendor: str = ""
    product: str = ""
    asset_tag: str = ""
    firmware: Firmware = field(default_factory=Firmware)
    memory: tuple[MemoryModule, ...] = ()


def read_dmidecode(text: str, notes: Notes) -> Dmi:
    """The tables; an empty Dmi, with a note, where the firmware has none."""
    found = _structures(text)
    if text.strip() and not found:
        notes.add("no DMI tables in it")
    system = _first(found, "System Information")
    bios = _first(found, "BIOS Information")
    tags = [told(fields.get("Asset Tag")) for title, fields in found if title == "Chassis Information"]
    return Dmi(
        uuid=system.get("UUID", ""),
        serial=system.get("Serial Number", ""),
        vendor=told(system.get("Manufacturer")),
        product=told(system.get("Product Name")),
        asset_tag=next(filter(None, tags), ""),
        firmware=Firmware(told(bios.get("Vendor")), told(bios.get("Version")), told(bios.get("Release Date"))),
        memory=_memory([fields for title, fields in found if title == "Memory Device"]),
    )


def _structures(text: str) -> list[tuple[str, Fields]]:
    found: list[tuple[str, dict[str, str]]] = []
    depth = 0  # of the current structure's own lines
    for line in text.splitlines():
        bare = line.strip()
        if not bare:
            continue
        indent = len(line) - len(line.lstrip())
        if not indent:
            depth = 0
            if not _PREAMBLE.match(line) and len(found) < ROWS:
                found.append((bare, {}))
            continue
        depth = depth or indent
        key, colon, value = bare.partition(":")
        if colon and indent == depth and found:
            found[-1][1].setdefault(key.strip(), value.strip())
    return [(title, fields) for title, fields in found if fields]


def _first(found: list[tuple[str, Fields]], title: str) -> Fields:
    return next((fields for name, fields in found if name == title), {})


def _memory(devices: list[Fields]) -> tuple[MemoryModule, ...]:
    filled = [fields for fields in devices if size(fields.get("Size", "")) >= _MIB and not _no_ram(fields)]
    # "DIMM 0" is in every channel of some boards: the bank tells them apart.
    counted = Counter(told(fields.get("Locator")) for fields in filled)
    modules = []
    for fields in filled:
        slot, bank = told(fields.get("Locator")), told(fields.get("Bank Locator"))
        speeds = (number(fields.get(key, ""), _SPEED_MAX) for key in _SPEEDS)
        modules.append(
            MemoryModule(
                slot=f"{bank} {slot}".strip() if counted[slot] > 1 else slot,
                mib=size(fields["Size"]) // _MIB,
                kind=told(fields.get("Type")),
                speed=next(filter(None, speeds), 0),
                vendor=told(fields.get("Manufacturer")),
                part=told(fields.get("Part Number")),
                serial=told(fields.get("Serial Number")),
            )
        )
    return tuple(modules)


# What it runs at, by its newer and its older name; else what it could.
_SPEEDS = ("Configured Memory Speed", "Configured Clock Speed", "Speed")


def _no_ram(fields: Fields) -> bool:
    return bool(_NO_RAM.search(fields.get("Type", "")))
