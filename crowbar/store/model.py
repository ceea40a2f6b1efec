"""The rows as immutable values: nodes, proposals, deployments, steps and events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from crowbar.errors import NodeError


class Health(StrEnum):
    """What is wrong with a node; beside its state, never instead of it."""

    OK = "ok"
    DELAYED = "delayed"
    PROBLEM = "problem"
    MAINTENANCE = "maintenance"


class NodeState(StrEnum):
    """Crowbar's node states, in the order of a node's life."""

    DISCOVERING = "discovering"
    DISCOVERED = "discovered"
    HARDWARE_INSTALLING = "hardware-installing"
    HARDWARE_INSTALLED = "hardware-installed"
    INSTALLING = "installing"
    INSTALLED = "installed"
    READYING = "readying"
    READY = "ready"
    RESET = "reset"
    DELETING = "deleting"


# A node in one of these has a system of its own that can be deployed to.
RUNNING_STATES = frozenset({NodeState.INSTALLED, NodeState.READYING, NodeState.READY})


class NodeKind(StrEnum):
    """How a node came to be, and so how it is reached: by SSH, or as this host itself."""

    CONTAINER = "container"
    HOST = "host"
    MACHINE = "machine"


@dataclass(frozen=True)
class Node:
    """A server. ``addresses`` maps a network's name to the node's address in it; ``facts`` are what it can do."""

    name: str
    kind: NodeKind
    addresses: Mapping[str, str]
    aliases: tuple[str, ...] = ()
    ssh_user: str = "root"
    ssh_port: int = 22
    ssh_key: str = ""  # path of the private key on the admin host
    host_key: str = ""  # "ssh-ed25519 AAAA…": pinned, put in when the node was installed
    facts: Mapping[str, Any] = field(default_factory=dict)
    state: NodeState = NodeState.INSTALLED
    health: Health = Health.OK
    last_error: str = ""

    @property
    def address(self) -> str:
        """The node's address in the admin network.

        Raises NodeError if it has none (yet): a machine gets it when it is installed.
        """
        try:
            return self.addresses["admin"]
        except KeyError:
            raise NodeError(
                f"Node {self.name} has no address in the admin network: it is {self.state.value}.",
                hint=f"A machine has one when it is installed: crowbar machines show {self.name}",
            ) from None


@dataclass(frozen=True)
class Proposal:
    """The wanted attributes of a barclamp and which nodes hold its roles; one immutable revision.

    ``attributes`` holds only what differs from the schema's defaults. ``elements`` maps a role to node names.
    ``revision`` counts from 1; 0 is one not saved yet.
    """

    barclamp: str
    name: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    elements: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    revision: int = 0


class StepKind(StrEnum):
    """What a step does to its node."""

    APPLY = "apply"
    GATE = "gate"
    REMOVE = "remove"


class StepStatus(StrEnum):
    """Where a step stands. All but the first two are ends; one that is skipped was left out on purpose."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    UNCHANGED = "unchanged"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class DeploymentStatus(StrEnum):
    """Where a deployment stands; ``interrupted`` is one whose engine died."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class StepRow:
    """One role on one node in one deployment. Times are UTC; ``identity`` is what the step is a function of."""

    id: int
    deployment: int
    key: str  # "keystone/keystone-server@node" or "keystone/gate@node": unique in a deployment
    kind: StepKind
    barclamp: str
    role: str
    node: str
    status: StepStatus
    reason: str = ""
    identity: str = ""
    started: datetime | None = None
    finished: datetime | None = None
    changed: int = 0  # tasks that reported a change
    error: str = ""


@dataclass(frozen=True)
class Deployment:
    """One execution of a plan."""

    id: int
    status: DeploymentStatus
    started: datetime
    finished: datetime | None = None
    summary: str = ""


@dataclass(frozen=True)
class Applied:
    """What last succeeded for a role on a node: the plan's `known`. ``inputs`` maps each input to its digest.

    An empty ``identity`` says that a step was begun and has not succeeded since: what the node holds is not known.
    """

    key: str
    barclamp: str
    role: str
    node: str
    identity: str
    inputs: Mapping[str, str] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether the step's last run succeeded."""
        return bool(self.identity)


@dataclass(frozen=True)
class Event:
    """One append-only line of what happened. ``kind`` is a dotted word (``step.started``, ``task.ok``)."""

    deployment: int
    step: int | None
    at: datetime
    kind: str
    message: str
    data: Mapping[str, Any] = field(default_factory=dict)
    id: int = 0
