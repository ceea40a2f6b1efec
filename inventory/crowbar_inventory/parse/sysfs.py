"""The agent's own look at /sys: one JSON object, its form is in the package's docstring."""

from __future__ import annotations

from dataclasses import dataclass, field

from crowbar_inventory.hardware import BootMode, Firmware
from crowbar_inventory.parse.disk_sources import DiskPart, disk_part
from crowbar_inventory.parse.dmidecode import Dmi
from crowbar_inventory.parse.nic_sources import NicPart, nic_part
from crowbar_inventory.parse.values import Notes, load, row, rows, word
from crowbar_inventory.text import told

_TPM = {"2": "2.0", "2.0": "2.0", "1.2": "1.2", "1": "1.2"}


@dataclass(frozen=True)
class Sysfs:
    """What it tells. ``nics`` and ``disks`` are None where it has no such list, which is not the same as none."""

    boot_mode: BootMode = BootMode.UNKNOWN
    tpm: str = ""
    architecture: str = ""
    dmi: Dmi = field(default_factory=Dmi)
    nics: tuple[NicPart, ...] | None = None
    disks: tuple[DiskPart, ...] | None = None


def read_sysfs(text: str, notes: Notes) -> Sysfs:
    """What the kernel tells; an empty Sysfs, with a note, where it is no JSON object."""
    data = load(text, notes)
    if data is not None and not isinstance(data, dict):
        notes.add("must be an object")
    top = row(data)
    mode = word(top.get("boot_mode")).lower()
    nics, disks = top.get("nics"), top.get("disks")
    return Sysfs(
        boot_mode=BootMode(mode) if mode in set(BootMode) else BootMode.UNKNOWN,
        tpm=_TPM.get(word(top.get("tpm")), ""),
        architecture=told(top.get("architecture")),
        dmi=_dmi({name: word(value) for name, value in row(top.get("dmi")).items()}),
        nics=tuple(filter(None, map(nic_part, rows(nics)))) if isinstance(nics, list) else None,
        disks=tuple(filter(None, map(disk_part, rows(disks)))) if isinstance(disks, list) else None,
    )


def _dmi(files: dict[str, str]) -> Dmi:
    """The files of /sys/class/dmi/id."""
    return Dmi(
        uuid=files.get("product_uuid", ""),
        serial=files.get("product_serial", ""),
        vendor=told(files.get("sys_vendor")),
        product=told(files.get("product_name")),
        asset_tag=told(files.get("chassis_asset_tag")),
        firmware=Firmware(*(told(files.get(f"bios_{name}")) for name in ("vendor", "version", "date"))),
    )
