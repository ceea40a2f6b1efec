"""Nodes that an operator takes out of deployments, and gives back. A quarantined node keeps what it has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from crowbar.errors import Fault, InputError
from crowbar.store.model import Health, Node

if TYPE_CHECKING:
    from crowbar.services.context import Context

_MOST = 500  # characters of a reason
_OPERATOR = "operator"


def quarantine(context: Context, names: Sequence[str], reason: str) -> list[str]:
    """Leave these nodes out of deployments, with the reason; the nodes' names.

    Their health is `maintenance` until they are released; machines among them are not installed or started either.
    Raises InputError for unknown nodes, or a reason that is none.
    """
    words = " ".join(reason.split())
    if not words or len(words) > _MOST:
        raise InputError(f"A quarantine needs a reason of 1 to {_MOST} characters; nothing was changed.")
    found = _known(context, names)
    for node in found:
        _set(context, node, Health.MAINTENANCE, words)
    return [node.name for node in found]


def release(context: Context, names: Sequence[str]) -> list[str]:
    """Have these nodes deployed to again; the nodes' names. Raises InputError for those that are in no quarantine."""
    found = _known(context, names)
    free = [
        Fault(f"node {node.name}", f"is in no quarantine: its health is {node.health}")
        for node in found
        if node.health is not Health.MAINTENANCE
    ]
    if free:
        raise InputError("These nodes cannot be released; nothing was changed.", faults=free, hint="crowbar nodes list")
    for node in found:
        _set(context, node, Health.OK, "")
    return [node.name for node in found]


def _known(context: Context, names: Sequence[str]) -> list[Node]:
    found, faults = [], []
    for name in names:
        node = context.store.nodes.get(name)
        if node is None:
            faults.append(Fault(f"node {name}", "is not known"))
        else:
            found.append(node)
    if faults:
        raise InputError("These are no nodes; nothing was changed.", faults=faults, hint="crowbar nodes list")
    return found


def _set(context: Context, node: Node, health: Health, why: str) -> None:
    if context.store.machines.get(node.name) is not None:
        context.store.machines.set_health(node.name, health, why, actor=_OPERATOR)  # which is in its timeline, too
    else:
        context.store.nodes.set_state(node.name, node.state, health, why)
