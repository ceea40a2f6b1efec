"""Inventories of the size that two-socket servers' have: some 50 KiB."""

from __future__ import annotations

import json
from typing import Any

from tests.inventory import outputs

GIGA = 10**9


def mac(number: int, port: int = 0) -> str:
    return f"52:54:{port:02x}:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"


def uuid(number: int) -> str:
    return f"4c4c4544-0000-1000-8000-{number:012x}"


def small(number: int, *, disk: int = 20 * GIGA, smart: bool = True) -> dict[str, str]:
    """A virtual machine's."""
    dmi = {"sys_vendor": "Example", "product_name": "Box", "product_uuid": uuid(number), "product_serial": f"S{number}"}
    sysfs = {
        "boot_mode": "bios",
        "dmi": dmi,
        "nics": [{"name": "eth0", "mac": mac(number), "driver": "virtio_net", "speed": 10000, "link": True}],
        "disks": [{"name": "vda", "size": disk, "serial": f"disk{number}", "model": "virtual"}],
    }
    health = {"vda": json.dumps({"serial_number": f"disk{number}", "smart_status": {"passed": smart}})}
    return {"sysfs": json.dumps(sysfs), "meminfo": "MemTotal: 8388608 kB\n", "smart": json.dumps(health)}


def large(number: int) -> dict[str, str]:
    """A server's with 24 memory modules, 12 disks, 6 network ports and 150 PCI devices."""
    modules = [outputs.module("32 GB", slot=f"{'AB'[side]}{slot + 1}") for side in (0, 1) for slot in range(12)]
    disks = [(f"sd{chr(97 + place)}", f"D{number}-{place}") for place in range(12)]
    ports = [(f"eth{port}", mac(number, port)) for port in range(6)]
    pci = "".join(
        f'0000:{bus:02x}:{slot:02x}.0 "PCI bridge [0604]" "Intel Corporation [8086]" "Sky Lake-E Root Port [2030]" '
        f'-r04 "Dell [1028]" "PowerEdge R640 [0716]"\n'
        for bus in range(15)
        for slot in range(10)
    )
    return {
        "dmidecode": outputs.dmidecode(*modules, uuid=uuid(number), serial=f"S{number}"),
        "lscpu": outputs.lscpu(Flags=" ".join(f"flag{bit}" for bit in range(180))),
        "lspci": pci,
        "lsblk": outputs.lsblk(
            *(outputs.block(name, 1920 * GIGA, serial=serial, model="MZ7KH480") for name, serial in disks)
        ),
        "ip-link": json.dumps([outputs.link(name, address, filler="x" * 600) for name, address in ports]),
        "smart": json.dumps({name: json.dumps(_smart(serial)) for name, serial in disks}),
        "lldp": outputs.lldp("eth0"),
        "ipmi-lan": outputs.IPMI_LAN,
        "meminfo": "MemTotal: 805306368 kB\n",
        "sysfs": json.dumps(
            {
                "boot_mode": "uefi",
                "tpm": "2",
                "architecture": "x86_64",
                "dmi": {"product_uuid": uuid(number), "product_serial": f"S{number}"},
                "nics": [
                    {"name": name, "mac": address, "driver": "i40e", "speed": 25000, "link": True}
                    for name, address in ports
                ],
                "disks": [
                    {"name": name, "size": 1920 * GIGA, "serial": serial, "rotational": False} for name, serial in disks
                ],
            }
        ),
    }


def _smart(serial: str) -> dict[str, Any]:
    device = {"name": "/dev/sda", "type": "scsi", "protocol": "ATA"}
    attributes = [{"id": one, "name": f"Attribute_{one}", "value": 100, "raw": {"value": one}} for one in range(12)]
    return {
        "device": device,
        "serial_number": serial,
        "smart_status": {"passed": True},
        "ata_smart_attributes": {"table": attributes},
    }
