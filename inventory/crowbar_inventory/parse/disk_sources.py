"""`lsblk -J -b`, the agent's own look at /sys, and `smartctl -j`: what each tells of a disk, by the kernel's name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from crowbar_inventory.hardware import SmartHealth
from crowbar_inventory.parse.values import Notes, Row, few, load, row, rows, size, truth_or_none
from crowbar_inventory.text import told

_NAME_LIMIT = 64
# No disks, or not whole ones, though some versions call them so: eMMC's boot areas, the paths under an NVMe multipath.
_NO_DISK = re.compile(
    r"(loop|ram|zram|sr|fd|dm-|md|nbd|rbd|mtdblock|mmcblk\d+(boot|rpmb|gp)|nvme\d+c\d+n).*", re.IGNORECASE
)
_GOOD_NAME = re.compile(r"[A-Za-z0-9_!-]+", re.ASCII)
_FAILING = 0b1000  # in smartctl's exit status: the disk says that it fails
_UNREAD = 0b11  # it could not be asked
_VENDORS_NUMBER = re.compile(r"0x[0-9a-f]{4}")  # virtio tells no vendor's name


@dataclass(frozen=True)
class DiskPart:
    """What one source tells of a disk: "" and 0 and None where it does not."""

    name: str
    size: int = 0
    model: str = ""
    serial: str = ""
    wwn: str = ""
    rotational: bool | None = None
    removable: bool | None = None
    transport: str = ""
    smart: SmartHealth = SmartHealth.UNKNOWN


def read_lsblk(text: str, notes: Notes) -> tuple[DiskPart, ...]:
    """The whole disks, in the kernel's order; also from a tree, and from versions that print every value as text."""
    data = load(text, notes)
    devices = rows(row(data).get("blockdevices"))
    if data is not None and not isinstance(row(data).get("blockdevices"), list):
        notes.add("no list of block devices in it")
    return tuple(few(_disks(devices)))


def _disks(devices: list[Row]) -> Iterator[DiskPart]:
    for device in devices:
        if device.get("type", "disk") == "disk" and (part := disk_part(device)):
            yield part


def disk_part(device: Row) -> DiskPart | None:
    """A disk by lsblk's keys or by those of the agent; None for what is no whole disk."""
    name = disk_name(device.get("name"))
    if not name or _NO_DISK.fullmatch(name):
        return None
    return DiskPart(
        name=name,
        size=size(device.get("size")),
        model=_model(device.get("vendor"), device.get("model")),
        serial=told(device.get("serial")),
        wwn=_world_wide(told(device.get("wwn")).lower()),
        rotational=truth_or_none(_either(device, "rotational", "rota")),
        removable=truth_or_none(_either(device, "removable", "rm")),
        transport=told(_either(device, "transport", "tran")).lower(),
    )


def read_smart(text: str, notes: Notes) -> tuple[DiskPart, ...]:
    """What each disk says of itself. A disk that was not asked, or did not answer, is not among them."""
    data = load(text, notes)
    if data is not None and not isinstance(data, dict):
        notes.add("must be an object of disks by name")
    found = []
    for key, value in few(row(data).items()):
        name = disk_name(key)
        report = row(load(value, notes) if isinstance(value, str) else value)
        if name and report:
            found.append(_report(name, report))
    return tuple(found)


def disk_name(value: Any) -> str:
    """The kernel's name without /dev/ before it; "" if it is none."""
    name = told(value, _NAME_LIMIT).removeprefix("/dev/")
    return name if _GOOD_NAME.fullmatch(name) else ""


def _report(name: str, report: Row) -> DiskPart:
    capacity = row(report.get("user_capacity")).get("bytes") or report.get("nvme_total_capacity")
    rotation = report.get("rotation_rate")  # 0 where nothing turns
    return DiskPart(
        name=name,
        size=size(capacity),
        model=told(report.get("model_name")) or _model(report.get("scsi_vendor"), report.get("scsi_product")),
        serial=told(report.get("serial_number")),
        wwn=_wwn(row(report.get("wwn"))),
        rotational=rotation > 0 if isinstance(rotation, int) else None,
        transport=_TRANSPORTS.get(told(row(report.get("device")).get("protocol")).lower(), ""),
        smart=_health(report),
    )


_TRANSPORTS = {"nvme": "nvme", "ata": "sata"}  # "scsi" may be anything


def _health(report: Row) -> SmartHealth:
    passed = row(report.get("smart_status")).get("passed")
    status = row(report.get("smartctl")).get("exit_status")
    status = status if isinstance(status, int) else 0
    if passed is False or (status & _FAILING and not status & _UNREAD):
        return SmartHealth.FAILED
    return SmartHealth.PASSED if passed is True else SmartHealth.UNKNOWN


def _wwn(parts: Row) -> str:
    """As the kernel writes it, from the three numbers that smartctl makes of it."""
    naa, oui, last = (parts.get(key) for key in ("naa", "oui", "id"))
    if not (isinstance(naa, int) and isinstance(oui, int) and isinstance(last, int)):
        return ""
    if not (0 <= naa < 1 << 4 and 0 <= oui < 1 << 24 and 0 <= last < 1 << 36):
        return ""
    return f"0x{naa:x}{oui:06x}{last:09x}"


def _world_wide(text: str) -> str:
    """As lsblk has it, where /sys says naa.5002… for 0x5002…; what t10 begins is model and serial once more."""
    if text.startswith("naa."):
        return f"0x{text.removeprefix('naa.')}"
    return "" if text.startswith("t10.") else text


def _model(vendor: Any, model: Any) -> str:
    """Vendor and model, where the vendor is a name and not in the model already. "ATA" is no vendor's name."""
    maker, name = told(vendor), told(model)
    if not name or maker.upper() == "ATA" or _VENDORS_NUMBER.fullmatch(maker) or name.lower().startswith(maker.lower()):
        return name
    return told(f"{maker} {name}")


def _either(device: Row, first: str, second: str) -> Any:
    found = device.get(first)
    return device.get(second) if found is None else found
