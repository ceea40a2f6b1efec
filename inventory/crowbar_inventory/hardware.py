"""What a server is made of, as its discovery agent found it: immutable values, one set for each inspection.

Texts are as the hardware gives them, cleaned and cut; "" and 0 say that it did not tell.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class BootMode(StrEnum):
    """The firmware that started the discovery system."""

    BIOS = "bios"
    UEFI = "uefi"
    UNKNOWN = "unknown"


class SmartHealth(StrEnum):
    """What a disk says of itself."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Identity:
    """What a server is known by: none of it alone, as boards are swapped and vendors copy UUIDs."""

    uuid: str = ""  # SMBIOS system UUID, lower case; "" where it is one of the known dummies
    serial: str = ""
    macs: frozenset[str] = frozenset()  # lower case, colons


@dataclass(frozen=True)
class Firmware:
    """BIOS or UEFI."""

    vendor: str = ""
    version: str = ""
    date: str = ""


@dataclass(frozen=True)
class Cpu:
    """All processors together: servers do not mix them."""

    model: str = ""
    architecture: str = ""
    sockets: int = 0
    cores: int = 0  # in all sockets
    threads: int = 0  # in all cores
    mhz: int = 0
    flags: frozenset[str] = frozenset()
    virtualization: bool = False  # vmx or svm


@dataclass(frozen=True)
class MemoryModule:
    """One module in its slot."""

    slot: str
    mib: int
    kind: str = ""
    speed: int = 0  # MT/s
    vendor: str = ""
    part: str = ""
    serial: str = ""


@dataclass(frozen=True)
class Disk:
    """One whole disk."""

    name: str  # "vda": the kernel's, of this boot only
    size: int  # bytes
    model: str = ""
    serial: str = ""
    wwn: str = ""
    rotational: bool = False
    removable: bool = False
    transport: str = ""
    smart: SmartHealth = SmartHealth.UNKNOWN


@dataclass(frozen=True)
class Neighbour:
    """What LLDP says is at the other end of a cable."""

    chassis: str = ""
    port: str = ""
    system: str = ""


@dataclass(frozen=True)
class Nic:
    """One network interface of the hardware."""

    name: str
    mac: str
    driver: str = ""
    pci: str = ""  # "0000:00:03.0"
    speed: int = 0  # Mbit/s
    link: bool = False
    addresses: tuple[str, ...] = ()
    neighbour: Neighbour | None = None


@dataclass(frozen=True)
class PciDevice:
    """One device on the PCI bus."""

    address: str
    kind: str  # the class's name
    vendor: str = ""
    device: str = ""
    gpu: bool = False
    ids: str = ""  # "10de:2330": vendor and device, as PCI numbers them


@dataclass(frozen=True)
class BmcLan:
    """Where the server's own BMC is in the network, as read by KCS from inside."""

    address: str = ""
    mac: str = ""


@dataclass(frozen=True)
class Hardware:
    """One server's discovered facts."""

    identity: Identity
    vendor: str = ""
    product: str = ""
    asset_tag: str = ""
    firmware: Firmware = field(default_factory=Firmware)
    boot_mode: BootMode = BootMode.UNKNOWN
    cpu: Cpu = field(default_factory=Cpu)
    memory_mib: int = 0
    memory: tuple[MemoryModule, ...] = ()
    disks: tuple[Disk, ...] = ()
    nics: tuple[Nic, ...] = ()
    pci: tuple[PciDevice, ...] = ()
    tpm: str = ""  # its version, "" without one
    bmc: BmcLan | None = None
