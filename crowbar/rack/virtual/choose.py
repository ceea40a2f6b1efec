"""What a new machine is: its identity, its addresses and its BMC's password. Nothing is made here."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from ipaddress import IPv4Network

from crowbar.errors import InputError
from crowbar.rack.virtual.record import BmcRecord, Firmware, Kind, MachineRecord

MOST_MACHINES = 200  # a BMC network is a /24
_FIRST_BMC = 10
_UNITS = 42  # in one cabinet


@dataclass(frozen=True)
class Wanted:
    """What is asked of new machines."""

    kind: Kind = Kind.VM
    firmware: Firmware = Firmware.BIOS
    cpus: int = 1
    memory_mib: int = 1024
    disk_gib: int = 8
    nics: int = 1


def check_count(count: int) -> None:
    """Raises InputError for a rack of so many machines."""
    if not 1 <= count <= MOST_MACHINES:
        raise InputError(f"A rack has 1 to {MOST_MACHINES} machines, not {count}.")


def new_machine(tag: str, number: int, wanted: Wanted, bmc_network: IPv4Network, name: str = "") -> MachineRecord:
    """The machine of that number in the rack ``tag`` (8 hexadecimal digits); without a name it is called by its number.

    MAC addresses and serial numbers follow from tag and number, so that two racks of one host differ; the UUID and
    the BMC's password are random.
    """
    return MachineRecord(
        name=name or f"server{number}",
        number=number,
        kind=wanted.kind,
        firmware=wanted.firmware,
        cpus=wanted.cpus,
        memory_mib=wanted.memory_mib,
        disk_gib=wanted.disk_gib,
        uuid=str(uuid.uuid4()),
        serial=f"CB{tag[:4].upper()}{number:04}",
        macs=tuple(_mac(tag, number, nic) for nic in range(wanted.nics)),
        disk_serial=f"CBD{tag[:4].upper()}{number:04}",
        position=f"R{1 + (number - 1) // _UNITS}-U{1 + (number - 1) % _UNITS:02}",
        bmc=BmcRecord(
            address=str(bmc_network[_FIRST_BMC + number]),
            mac=_mac(tag, number, 0xB),
            username="admin",
            password=secrets.token_hex(8),
        ),
    )


def _mac(tag: str, number: int, nic: int) -> str:
    return f"52:54:00:{tag[:2]}:{number:02x}:{int(tag[2], 16):x}{nic:x}"
