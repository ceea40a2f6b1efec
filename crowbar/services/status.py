"""How the cloud stands: nodes, barclamps and the last deployment, read and nothing more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from crowbar.services.lock import running_pid
from crowbar.store.model import Applied, Deployment, StepKind, StepRow

if TYPE_CHECKING:
    from crowbar.services.context import Context


@dataclass(frozen=True)
class NodeStatus:
    """A node as an operator sees it: no keys, no facts."""

    name: str
    kind: str
    state: str
    health: str
    address: str
    last_error: str


@dataclass(frozen=True)
class BarclampStatus:
    """``roles`` is how many of its roles are applied, over all nodes; ``gate`` is how the gate's last check ended."""

    name: str
    roles: int
    gate: str
    checked: datetime | None


@dataclass(frozen=True)
class Status:
    """All that `crowbar status` shows. ``running_pid`` is the process of a deployment that runs now."""

    nodes: tuple[NodeStatus, ...]
    barclamps: tuple[BarclampStatus, ...]
    deployment: Deployment | None
    running_pid: int | None


def read(context: Context) -> Status:
    """How the cloud stands now."""
    store = context.store
    nodes = tuple(
        NodeStatus(n.name, n.kind.value, n.state.value, n.health.value, n.addresses.get("admin", ""), n.last_error)
        for n in store.nodes.list()
    )
    last = store.deployments.last()
    rows = store.deployments.steps(last.id) if last else []
    return Status(nodes, barclamp_states(store.applied.list(), rows), last, running_pid(context.state))


def barclamp_states(applied: Sequence[Applied], rows: Sequence[StepRow]) -> tuple[BarclampStatus, ...]:
    """The barclamps of the cloud with their gates, as the last deployment's ``rows`` left them, in its order. Pure."""
    names = list(dict.fromkeys([row.barclamp for row in rows] + [one.barclamp for one in applied]))
    return tuple(_barclamp(name, applied, rows) for name in names)


def _barclamp(name: str, applied: Sequence[Applied], rows: Sequence[StepRow]) -> BarclampStatus:
    gate = next((row for row in rows if row.barclamp == name and row.kind is StepKind.GATE), None)
    gates = {row.key for row in rows if row.kind is StepKind.GATE}
    roles = sum(one.holds and one.barclamp == name and one.key not in gates for one in applied)
    return BarclampStatus(name, roles, gate.status.value if gate else "none", gate.finished if gate else None)
