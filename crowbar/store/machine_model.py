"""What Crowbar remembers of servers before and beside their life as nodes, as immutable values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from crowbar.store.model import Health, NodeState
from crowbar_inventory.bmc.model import BootDevice, Power
from crowbar_inventory.hardware import BootMode, Hardware


class Target(StrEnum):
    """What is wanted of a machine; its state says how far it is."""

    DISCOVERED = "discovered"
    INSTALLED = "installed"


@dataclass(frozen=True)
class Machine:
    """A server by its node's name. What the node has (addresses, keys, state, health) is in the node's own row."""

    name: str
    bmc: str = ""  # "ipmi://10.0.0.5"; "" where it is known by its PXE boot alone. Its credential is a secret
    identity_uuid: str = ""
    identity_serial: str = ""
    macs: tuple[str, ...] = ()  # the one it boots from first
    power: Power = Power.UNKNOWN
    boot_mode: BootMode = BootMode.UNKNOWN
    target: Target = Target.DISCOVERED
    approved: bool = False
    allocated: bool = False
    group: str = ""
    intended_role: str = ""
    install_disk: str = ""  # serial, else kernel name, as a rule chose
    rack_position: str = ""
    last_seen: datetime | None = None  # the agent's last sign of life
    last_words: str = ""  # and what it said
    boot_device: BootDevice | None = None  # what it was last ordered to boot from, and when
    boot_ordered: datetime | None = None
    boots_unanswered: int = 0  # how often, since its agent was last heard


@dataclass(frozen=True)
class MachineView:
    """A machine with its node's standing and its newest hardware: what lists and pages show."""

    machine: Machine
    state: NodeState
    health: Health
    last_error: str
    aliases: tuple[str, ...]
    addresses: Mapping[str, str]
    hardware: Hardware | None
    inspected: datetime | None
    since: datetime | None = None  # when it came into its state
    registered: datetime | None = None  # when an agent of it was last let in


class OrderKind(StrEnum):
    """What an agent can be told to do."""

    INSPECT = "inspect"
    WIPE = "wipe"
    INSTALL = "install"
    REBOOT = "reboot"
    POWER_OFF = "power-off"


class OrderStatus(StrEnum):
    """Where an order stands."""

    WAITING = "waiting"  # to be fetched
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Order:
    """One order to one machine's agent. ``params`` has no secrets: those are added when it is handed over."""

    id: int
    machine: str
    kind: OrderKind
    params: Mapping[str, Any]
    status: OrderStatus
    message: str = ""
    progress: int = 0  # per cent
    created: datetime | None = None
    updated: datetime | None = None


@dataclass(frozen=True)
class MachineEvent:
    """One line of a machine's timeline. ``machine`` is "" where only the MAC was known (``data`` has it)."""

    machine: str
    at: datetime
    kind: str  # dotted: "bmc.power", "dhcp.offer", "tftp.sent", "boot.script", "agent.registered", "state.changed"
    actor: str  # "operator", "crowbar", "dnsmasq", "agent", "bmc"
    message: str
    data: Mapping[str, Any] = field(default_factory=dict)
    id: int = 0


@dataclass(frozen=True)
class Network:
    """A named subnet. ``ranges`` maps a use ("host", "dynamic", "admin", "switch" …) to its first and last address."""

    name: str
    subnet: str  # "10.0.0.0/24"
    gateway: str = ""
    vlan: int = 0
    mtu: int = 1500
    ranges: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    auto_approve: bool = False  # agents that come unasked by it are let in


class HostEntry(NamedTuple):
    """Who has an address in a network; ``mac`` is "" where it is not known by which interface."""

    mac: str
    address: str
    node: str


class TokenFault(StrEnum):
    """Why a token is not good."""

    UNKNOWN = "unknown"  # never issued, or too long ago to be remembered
    REPLAYED = "replayed"  # another boot has used it
    OUTDATED = "outdated"  # the machine fetched a newer one since


@dataclass(frozen=True)
class Redeemed:
    """What a token was exchanged for: a session, or a fault that says why not."""

    machine: str | None  # whose token it was; None if that is not known
    session: str | None = field(default=None, repr=False)
    fault: TokenFault | None = None
