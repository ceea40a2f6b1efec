"""What a container machine's hardware would say: /sys there shows the host's, so its agent is given this in place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from crowbar.rack.virtual.qemu import PRODUCT, VENDOR
from crowbar.rack.virtual.record import LinkRecord, MachineRecord

DISK = "/dev/vda"
_SLOT_MIB = 16384


def description(machine: MachineRecord, bmc: LinkRecord, disk: Path) -> dict[str, Any]:
    """The machine as `crowbar.machine=` names it: programs' outputs by name, and the disk's device."""
    listed = {
        "name": "vda",
        "type": "disk",
        "size": disk.stat().st_size,
        "model": None,
        "vendor": "0x1af4",
        "serial": machine.disk_serial,
        "wwn": None,
        "rota": False,
        "rm": False,
        "tran": "virtio",
    }
    raw = {
        "dmidecode": _dmi(machine),
        "lsblk": json.dumps({"blockdevices": [listed]}),
        "lspci": _pci(machine),
        "ipmi-lan": _lan(machine, bmc),
        "meminfo": f"MemTotal:       {machine.memory_mib * 1024} kB\n",
    }
    return {"raw": raw, "disk": DISK}


def _dmi(machine: MachineRecord) -> str:
    tables = [
        ("BIOS Information", {"Vendor": VENDOR, "Version": "1.0", "Release Date": "01/01/2026"}),
        (
            "System Information",
            {
                "Manufacturer": VENDOR,
                "Product Name": PRODUCT,
                "Version": "1",
                "Serial Number": machine.serial,
                "UUID": machine.uuid,
                "Family": "Rack",
            },
        ),
        (
            "Base Board Information",
            {"Manufacturer": VENDOR, "Product Name": f"{PRODUCT} Board", "Serial Number": f"{machine.serial}B"},
        ),
        (
            "Chassis Information",
            {
                "Manufacturer": VENDOR,
                "Type": "Rack Mount Chassis",
                "Serial Number": machine.serial,
                "Asset Tag": machine.position,
            },
        ),
        *(("Memory Device", _module(machine, slot, mib)) for slot, mib in enumerate(_modules(machine.memory_mib))),
        ("IPMI Device Information", {"Interface Type": "KCS (Keyboard Control Style)"}),
    ]
    kinds = (0, 1, 2, 3, *(17 for _ in tables[4:-1]), 38)
    parts = ["# dmidecode 3.4", "SMBIOS 2.8 present.", ""]
    for number, (kind, (name, fields)) in enumerate(zip(kinds, tables, strict=True)):
        parts += [f"Handle {number:#06x}, DMI type {kind}, 27 bytes", name]
        parts += [*(f"\t{key}: {value}" for key, value in fields.items()), ""]
    return "\n".join(parts) + "\n"


def _modules(mib: int) -> list[int]:
    whole, rest = divmod(mib, _SLOT_MIB)
    return [*([_SLOT_MIB] * whole), *([rest] if rest else [])]


def _module(machine: MachineRecord, slot: int, mib: int) -> dict[str, str]:
    return {
        "Size": f"{mib} MB",
        "Locator": f"DIMM {slot}",
        "Type": "RAM",
        "Speed": "Unknown",
        "Manufacturer": VENDOR,
        "Serial Number": f"{machine.serial}M{slot}",
        "Part Number": "CB-MEMORY",
    }


def _pci(machine: MachineRecord) -> str:
    cards = [
        f'0000:00:{2 + nic:02x}.0 "Ethernet controller [0200]" "Red Hat, Inc. [1af4]" "Virtio network device [1000]" ""'
        for nic in range(len(machine.macs))
    ]
    disk = '0000:00:01.0 "SCSI storage controller [0100]" "Red Hat, Inc. [1af4]" "Virtio block device [1001]" ""'
    return "\n".join([disk, *cards, ""])


def _lan(machine: MachineRecord, bmc: LinkRecord) -> str:
    rows = {
        "Set in Progress": "Set Complete",
        "IP Address Source": "Static Address",
        "IP Address": machine.bmc.address,
        "Subnet Mask": str(bmc.network.netmask),
        "MAC Address": machine.bmc.mac,
        "Default Gateway IP": str(bmc.address),
    }
    return "".join(f"{name:<24}: {value}\n" for name, value in rows.items())
