"""Outputs of the agent's programs, written for the tests in the forms that real servers' outputs were seen to have."""

from __future__ import annotations

import json
from typing import Any

UUID = "4c4c4544-0044-4b10-8052-b7c04f4d4e32"
SERIAL = "7DKRMN2"

_BIOS = """Handle 0x0000, DMI type 0, 26 bytes
BIOS Information
\tVendor: Northern Firmware
\tVersion: 2.12.2
\tRelease Date: 07/09/2021
\tCharacteristics:
\t\tISA is supported
\t\tVendor: not this one
\tBIOS Revision: 2.12
"""
_MODULE = """Handle 0x1100, DMI type 17, 84 bytes
Memory Device
\tTotal Width: 72 bits
\tSize: {size}
\tForm Factor: DIMM
\tLocator: {slot}
\tBank Locator: {bank}
\tType: {kind}
\tType Detail: Synchronous Registered (Buffered)
\tSpeed: {speed}
\tManufacturer: 00AD063200AD
\tSerial Number: 2F3C17E9
\tPart Number: HMA84GR7CJR4N-WM
\tConfigured Memory Speed: {configured}
"""


def module(
    size: str = "16 GB",
    *,
    slot: str = "A1",
    bank: str = "Not Specified",
    kind: str = "DDR4",
    speed: str = "3200 MT/s",
    configured: str = "2933 MT/s",
) -> str:
    """One memory slot of `dmidecode`."""
    return _MODULE.format(size=size, slot=slot, bank=bank, kind=kind, speed=speed, configured=configured)


def dmidecode(
    *modules: str,
    uuid: str = UUID,
    serial: str = SERIAL,
    vendor: str = "Dell Inc.",
    product: str = "PowerEdge R640",
    tag: str = "Not Specified",
) -> str:
    """The whole of `dmidecode`."""
    system = f"""Handle 0x0100, DMI type 1, 27 bytes
System Information
\tManufacturer: {vendor}
\tProduct Name: {product}
\tVersion: Not Specified
\tSerial Number: {serial}
\tUUID: {uuid}
\tWake-up Type: Power Switch
"""
    chassis = f"Handle 0x0300, DMI type 3, 22 bytes\nChassis Information\n\tSerial Number: X\n\tAsset Tag: {tag}\n"
    head = "# dmidecode 3.6\nGetting SMBIOS data from sysfs.\nSMBIOS 3.2.0 present.\n"
    return "\n".join((head, _BIOS, system, chassis, *modules, "Handle 0xFEFF, DMI type 127, 4 bytes\nEnd Of Table\n"))


def lscpu(**fields: str) -> str:
    """The flat form of `lscpu -J`."""
    known = {
        "Architecture": "x86_64",
        "CPU(s)": "64",
        "Model name": "Northern(R) CPU 6242",
        "Thread(s) per core": "2",
        "Core(s) per socket": "16",
        "Socket(s)": "2",
        "CPU max MHz": "3900.0000",
        "Virtualization": "VT-x",
        "Flags": "fpu vme vmx aes avx2",
    }
    entries = [{"field": f"{name}:", "data": data} for name, data in {**known, **fields}.items()]
    return json.dumps({"lscpu": entries})


def lsblk(*devices: dict[str, Any]) -> str:
    """`lsblk -J -b -d`."""
    return json.dumps({"blockdevices": list(devices)})


def block(name: str, size: Any = 480_000_000_000, **others: Any) -> dict[str, Any]:
    """One device of it."""
    return {"name": name, "type": "disk", "size": size, "rota": False, "rm": False, "tran": None, **others}


def link(name: str, mac: str, *, up: bool = True, **others: Any) -> dict[str, Any]:
    """One interface of `ip -j -d address`."""
    flags = ["BROADCAST", "MULTICAST", "UP", *(["LOWER_UP"] if up else [])]
    return {"ifname": name, "flags": flags, "link_type": "ether", "address": mac, "addr_info": [], **others}


def lldp(interface: str, *, system: str = "leaf-1", port: str = "Ethernet12") -> str:
    """One neighbour in the form of json0."""
    neighbour = {
        "name": interface,
        "via": "LLDP",
        "chassis": [{"id": [{"type": "mac", "value": "02:aa:00:00:00:01"}], "name": [{"value": system}]}],
        "port": [{"id": [{"type": "ifname", "value": port}], "descr": [{"value": "to the rack"}]}],
    }
    return json.dumps({"lldp": [{"interface": [neighbour]}]})


LSPCI = r"""0000:00:00.0 "Host bridge [0600]" "Intel Corporation [8086]" "Sky Lake-E DMI3 [2020]" -r04 "" ""
0000:03:00.0 "VGA compatible controller [0300]" "Matrox Electronics [102b]" "G200eW3 [0536]" -r04 "" ""
0000:3b:00.0 "3D controller [0302]" "NVIDIA Corporation [10de]" "A \"big\" one [GA100] [20b5]" -ra1 "" ""
10000:01:00.0 "Non-Volatile memory controller [0108]" "Samsung Electronics [144d]" "PM9A3 [a80a]" -p02 "" ""
"""
IPMI_LAN = """Set in Progress         : Set Complete
Auth Type Enable        : Callback : MD2 MD5 PASSWORD
                        : User     : MD2 MD5 PASSWORD
IP Address Source       : Static Address
IP Address              : 10.0.1.17
Subnet Mask             : 255.255.255.0
MAC Address             : 54:9F:35:1A:2B:3C
Default Gateway MAC     : 00:00:00:00:00:00
"""


def server() -> dict[str, str]:
    """Everything of one server."""
    smart = {
        "sda": {
            "device": {"protocol": "ATA"},
            "model_name": "MZ7KH480",
            "serial_number": "S47MNA0M500001",
            "rotation_rate": 0,
            "smart_status": {"passed": True},
            "wwn": {"naa": 5, "oui": 9528, "id": 61931520002},
        },
        "sdb": {"smart_status": {"passed": False}, "smartctl": {"exit_status": 8}, "rotation_rate": 7200},
    }
    sysfs = {
        "boot_mode": "uefi",
        "tpm": "2",
        "nics": [
            {"name": "eno1", "mac": "24:6e:96:00:00:01", "driver": "ixgbe", "pci": "0000:18:00.0", "speed": 10000},
            {"name": "eno2", "mac": "24:6e:96:00:00:02", "driver": "ixgbe", "speed": -1, "link": False},
            {"name": "usb0", "mac": "02:00:5e:00:00:01", "driver": "cdc_ether", "speed": 425, "link": True},
        ],
        "disks": [{"name": "sda", "size": 480_000_000_000, "rotational": False}],
    }
    links = [
        link("lo", "00:00:00:00:00:00", link_type="loopback"),
        link("eno1", "24:6e:96:00:00:01", addr_info=[{"family": "inet", "local": "10.0.0.9", "prefixlen": 24}]),
        link("eno2", "24:6e:96:00:00:02", up=False),
        link("usb0", "02:00:5e:00:00:01"),
    ]
    return {
        "dmidecode": dmidecode(module(), module("No Module Installed", slot="A2", kind="Unknown"), module(slot="B1")),
        "lscpu": lscpu(),
        "lsblk": lsblk(block("sda", tran="sata"), block("sdb", 4_000_000_000_000, rota=True)),
        "lspci": LSPCI,
        "ip-link": json.dumps(links),
        "lldp": lldp("eno1"),
        "ipmi-lan": IPMI_LAN,
        "smart": json.dumps(smart),
        "sysfs": json.dumps(sysfs),
        "meminfo": "MemTotal:       32543210 kB\nMemFree:         1000 kB\n",
    }
