"""What is written down of a rack: its networks, and its machines with the way into their BMCs. The file is secret."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from crowbar.errors import EnvironmentFault

NAME = "rack.json"
_VERSION = 1


class Kind(StrEnum):
    """What a machine is made of."""

    VM = "vm"
    CONTAINER = "container"


class Firmware(StrEnum):
    """What starts a machine: of a container machine, what its boot program says that it is."""

    BIOS = "bios"
    UEFI = "uefi"


@dataclass(frozen=True)
class BmcRecord:
    """Where a machine's BMC is, and how to log in."""

    address: str
    mac: str
    username: str
    password: str = field(repr=False)

    @property
    def url(self) -> str:
        """The address as Crowbar writes those of BMCs."""
        return f"ipmi://{self.address}"


@dataclass(frozen=True)
class MachineRecord:
    """One machine: all of it is chosen when it is made, and stays."""

    name: str
    number: int  # from 1, in its rack
    kind: Kind
    firmware: Firmware
    cpus: int
    memory_mib: int
    disk_gib: int
    uuid: str
    serial: str
    macs: tuple[str, ...]  # the first is the one that it boots from
    disk_serial: str
    position: str
    bmc: BmcRecord

    @property
    def kcs_port(self) -> int:
        """Where, on the rack's own loopback, its BMC waits for the machine's inner door to it."""
        return 9000 + self.number

    @property
    def serial_port(self) -> int:
        """Where, on the rack's own loopback, its serial console is."""
        return 9300 + self.number


@dataclass(frozen=True)
class LinkRecord:
    """One of the rack's networks, and the admin host's end of it."""

    subnet: str
    interface: str
    prefix6: str = ""  # a /64 for router advertisements, of which the admin host has ::1

    @property
    def network(self) -> IPv4Network:
        """The subnet."""
        return IPv4Network(self.subnet)

    @property
    def address(self) -> IPv4Address:
        """The admin host's own address."""
        return self.network[1]


@dataclass(frozen=True)
class RackRecord:
    """A rack. ``admin`` is where its machines boot from, ``bmc`` where their BMCs are."""

    namespace: str
    admin: LinkRecord
    bmc: LinkRecord
    machines: tuple[MachineRecord, ...] = ()

    def machine(self, name: str) -> MachineRecord:
        """The machine of that name. Raises EnvironmentFault, naming those that there are."""
        for machine in self.machines:
            if machine.name == name:
                return machine
        names = ", ".join(machine.name for machine in self.machines) or "none"
        raise EnvironmentFault(f"The rack has no machine {name[:64]!r}.", hint=f"Its machines are: {names}.")


def save(folder: Path, record: RackRecord) -> None:
    """Write it to the rack's folder, for its owner alone, whole or not at all."""
    partial = folder / f"{NAME}.partial"
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump({"version": _VERSION, **asdict(record)}, file, indent=2)
        file.write("\n")
    partial.replace(folder / NAME)


def load(folder: Path) -> RackRecord:
    """The rack whose folder this is. Raises EnvironmentFault if there is none, or it is another version's."""
    path = folder / NAME
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document.pop("version") != _VERSION:
            raise EnvironmentFault(f"{path} is of another version of Crowbar.", hint="crowbar rack down")
        return _rack(document)
    except FileNotFoundError:
        raise EnvironmentFault(f"There is no rack in {folder}.", hint="crowbar rack up --machines 2") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise EnvironmentFault(f"{path} cannot be read: {error!r}.", hint="crowbar rack down") from error


def _rack(document: dict[str, Any]) -> RackRecord:
    links = {name: LinkRecord(**document[name]) for name in ("admin", "bmc")}
    return RackRecord(document["namespace"], **links, machines=tuple(map(_machine, document["machines"])))


def _machine(fields: dict[str, Any]) -> MachineRecord:
    typed = {
        "kind": Kind(fields["kind"]),
        "firmware": Firmware(fields["firmware"]),
        "macs": tuple(fields["macs"]),
        "bmc": BmcRecord(**fields["bmc"]),
    }
    return MachineRecord(**(fields | typed))
