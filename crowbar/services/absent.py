"""Nodes that a deployment has to do without, because they have no system now, and what that means for the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from crowbar.errors import Fault, InputError

if TYPE_CHECKING:
    from crowbar.catalog.model import Catalog, WantedProposal
    from crowbar.services.context import Context


@dataclass(frozen=True)
class Absent:
    """``why``: each node with what it is ("is installing: its disk fails").

    ``members`` are those among them that the cloud has had: it goes on counting on them, as on nodes in quarantine, so
    that nothing is taken apart (agents unregistered, objects copied elsewhere) because a server is long in coming back.
    The others it does not know yet.
    """

    why: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, str] = field(default_factory=dict)


NOBODY = Absent()


def absent_nodes(context: Context, why: Mapping[str, str]) -> Absent:
    """Tell members from strangers. A member that has no address any more cannot be counted on."""
    had = context.store.deployments.have_applied(why)
    addressed = {node.name for node in context.store.nodes.list() if "admin" in node.addresses}
    return Absent(why, {name: words for name, words in why.items() if name in had & addressed})


def without(catalog: Catalog, proposals: Mapping[str, WantedProposal], absent: Absent) -> Mapping[str, WantedProposal]:
    """The proposals as if absent nodes that are no members held nothing.

    Raises InputError with each role that too few nodes are there for, absent members not counted.
    """
    faults = [
        Fault(
            f"role {role.name}",
            f"needs {role.count.min} nodes and has {have}: {_who(one, role.name, absent)}",
        )
        for name, one in proposals.items()
        for role in catalog.get(name).roles.values()
        if (have := len([node for node in one.elements.get(role.name, ()) if node not in absent.why])) < role.count.min
    ]
    if absent.why and faults:
        raise InputError(
            "The cloud cannot be made of the nodes that are there; nothing was deployed.",
            faults=faults,
            hint="Mend what is said of the machines and run the same command again, or give their roles to others.",
        )
    strangers = absent.why.keys() - absent.members
    return {
        name: replace(
            one, elements={role: tuple(n for n in nodes if n not in strangers) for role, nodes in one.elements.items()}
        )
        for name, one in proposals.items()
    }


def _who(proposal: WantedProposal, role: str, absent: Absent) -> str:
    return "; ".join(f"{node} {absent.why[node]}" for node in proposal.elements.get(role, ()) if node in absent.why)
