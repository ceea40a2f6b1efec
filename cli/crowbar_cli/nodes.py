"""The nodes of a deployment: as they would be, for a plan; made ready, for a deployment."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crowbar_cli.target import Place, Target

if TYPE_CHECKING:
    from crowbar.catalog.model import WantedProposal
    from crowbar.services.context import Context
    from crowbar.store.model import Node


@dataclass(frozen=True)
class Preview:
    """What a deployment would begin with. ``context`` has its nodes; ``notes`` say what is only estimated."""

    context: Context
    proposals: list[WantedProposal]
    notes: tuple[str, ...] = ()


@contextlib.contextmanager
def previewed(context: Context, target: Target) -> Iterator[Preview]:
    """The target's proposals, checked, with a node that is not there yet as it can be expected to be.

    Raises InputError with all faults of the proposals.
    """
    from crowbar.services.rehearsal import with_nodes

    node, note = _expected(context, target)
    if node is None:
        yield Preview(context, proposals_of(context, target))
        return
    with with_nodes(context, [node]) as rehearsal:
        yield Preview(rehearsal, proposals_of(rehearsal, target), (note,))


def proposals_of(context: Context, target: Target) -> list[WantedProposal]:
    """The proposals of the target's file, merged over the saved ones; without a file none but the saved ones.

    Raises InputError with all faults, and their lines.
    """
    from crowbar.services import batch, proposals

    if target.file is None:
        proposals.check_saved(context)
        return []
    return batch.read(context, target.file)


def made_ready(context: Context, target: Target, say: Callable[[str], None]) -> list[WantedProposal]:
    """Have the target's nodes there, running and in the store; give its proposals, checked against them.

    ``say`` is told what goes on. Raises InputError for faulty proposals (then nothing was made), EnvironmentFault where
    this host cannot do it.
    """
    from crowbar.services.wanted import merged
    from crowbar_cli import single_node, this_host

    with previewed(context, target) as preview:
        packages, wanted = chosen_packages(preview), merged(preview.context, preview.proposals)
    match target.place:
        case Place.SINGLE_NODE:
            single_node.bring_up(context, packages, wanted, say)
        case Place.THIS_HOST:
            this_host.take(context, say)
        case Place.KNOWN:
            single_node.power_on(context, wanted, say)
    return proposals_of(context, target)


def chosen_packages(preview: Preview) -> tuple[str, ...]:
    """The Debian packages of all roles that some node is to hold."""
    from crowbar.services.wanted import merged

    found: set[str] = set()
    for name, proposal in merged(preview.context, preview.proposals).items():
        barclamp = preview.context.catalog.get(name)
        found.update(
            package for role, nodes in proposal.elements.items() if nodes for package in barclamp.roles[role].packages
        )
    return tuple(sorted(found))


def _expected(context: Context, target: Target) -> tuple[Node | None, str]:
    """The node that the target would add, and a note that says what of it is an estimate."""
    from crowbar_cli import single_node, this_host

    match target.place:
        case Place.SINGLE_NODE if context.store.nodes.get(single_node.NAME) is None:
            return single_node.estimated(), (
                "The container machine is not there yet: what it can do is estimated from what this host can do."
            )
        case Place.THIS_HOST if this_host.known(context) is None:
            return this_host.described(), "This host is not a node yet: the plan is for what was found on it now."
    return None, ""
