"""What a cluster file says of machines and networks, as immutable values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class BmcLogin:
    """How to log in to BMCs. The password is in a file or in the environment of the admin host, never in this file."""

    user: str = "admin"
    password_file: str = ""


@dataclass(frozen=True)
class VirtualMachine:
    """What a machine of the virtual rack is made of; sizes as `crowbar rack up` has them."""

    kind: str = "container"
    firmware: str = "bios"
    cpus: int = 2
    memory_mib: int = 4096
    disk_gib: int = 16
    nics: int = 1


@dataclass(frozen=True)
class FileMachine:
    """One machine of the file: behind a BMC, of the virtual rack, or (neither) one that Crowbar knows by its name."""

    name: str
    bmc: str = ""  # one address, as text
    login: BmcLogin = field(default_factory=BmcLogin)
    mac: str = ""
    virtual: VirtualMachine | None = None
    group: str = ""
    intended_role: str = ""
    rack_position: str = ""
    place: str = ""  # file:line


@dataclass(frozen=True)
class Matched:
    """So many machines that the matching rules put into a group, or mean for a role; they are waited for."""

    group: str
    intended_role: str
    count: int
    place: str = ""

    def __str__(self) -> str:
        words = [f"group {self.group}"] * bool(self.group) + [f"intended role {self.intended_role}"] * bool(
            self.intended_role
        )
        return " and ".join(words)


@dataclass(frozen=True)
class FileNetwork:
    """A network of the file. ``ranges`` maps a use (`host`, `dynamic` …) to its first and last address."""

    name: str
    subnet: str
    gateway: str = ""
    vlan: int = 0
    mtu: int = 1500
    ranges: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    auto_approve: bool = False


@dataclass(frozen=True)
class Cluster:
    """All that a file says beside its proposals. Without machines, it is about the nodes that there are."""

    machines: tuple[FileMachine, ...] = ()
    matched: tuple[Matched, ...] = ()
    networks: tuple[FileNetwork, ...] = ()

    @property
    def has_machines(self) -> bool:
        """Whether the file says which machines the cloud is made of."""
        return bool(self.machines or self.matched)

    @property
    def virtual(self) -> tuple[FileMachine, ...]:
        """Those of the virtual rack, in the file's order."""
        return tuple(machine for machine in self.machines if machine.virtual is not None)
