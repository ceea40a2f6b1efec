"""The nodes of a deployment: as they would be, for a plan; made ready, for a deployment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crowbar_cli.target import Place, Target

if TYPE_CHECKING:
    from crowbar.catalog.cluster import Cluster
    from crowbar.catalog.model import Catalog, WantedProposal
    from crowbar.services.context import Context
    from crowbar.store.model import Node
    from crowbar_cli.options import Settings


@dataclass(frozen=True)
class Preview:
    """What a deployment would begin with. ``context`` has its nodes; ``notes`` say what is only estimated."""

    context: Context
    proposals: list[WantedProposal]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ready:
    """What to deploy. ``left_out`` says why machines of the file have no system, by name."""

    proposals: list[WantedProposal]
    left_out: Mapping[str, str]
    from_machines: bool


def previewed(context: Context, target: Target) -> Preview:
    """The target's proposals, checked, with nodes that are not there yet as they can be expected to be.

    Raises InputError with all faults of the proposals.
    """
    from crowbar.services.rehearsal import with_nodes
    from crowbar_cli.cluster.expected import expected_networks

    nodes, notes = _expected(context, target)
    rehearsal = with_nodes(context, nodes, expected_networks(context, cluster_of(target)))
    return Preview(rehearsal, proposals_of(rehearsal, target), notes)


def cluster_of(target: Target) -> Cluster:
    """What the target's file says of machines; without a file, nothing. Raises InputError with all faults."""
    from crowbar.catalog.cluster import Cluster, read_cluster

    return Cluster() if target.file is None else read_cluster(target.file)


def proposals_of(context: Context, target: Target) -> list[WantedProposal]:
    """The proposals of the target's file, merged over the saved ones; without a file none but the saved ones.

    Raises InputError with all faults, and their lines.
    """
    from crowbar.services import batch, proposals

    if target.file is None:
        proposals.check_saved(context)
        return []
    return batch.read(context, target.file)


def made_ready(settings: Settings, context: Context, target: Target, say: Callable[[str], None]) -> Ready:
    """Have the target's nodes there, running and in the store; what to deploy, checked against them.

    ``say`` is told what goes on. Raises InputError for faulty proposals (then nothing was made), EnvironmentFault where
    this host cannot do it.
    """
    from crowbar.services.machines.waking import wake
    from crowbar.services.wanted import merged
    from crowbar_cli import single_node, this_host

    cluster = cluster_of(target)
    if cluster.has_machines and target.place is Place.KNOWN:
        return _brought(settings, context, target, cluster, say)
    preview = previewed(context, target)
    packages, wanted = chosen_packages(preview), merged(preview.context, preview.proposals)
    match target.place:
        case Place.SINGLE_NODE:
            single_node.bring_up(context, packages, wanted, say)
        case Place.THIS_HOST:
            this_host.take(context, say)
        case Place.KNOWN:
            single_node.power_on(context, wanted, say)
            wake(
                context.store, {name for one in wanted.values() for held in one.elements.values() for name in held}, say
            )
    proposals = proposals_of(context, target)
    _route(settings, context, proposals, say)
    return Ready(proposals, {}, from_machines=False)


def _brought(
    settings: Settings, context: Context, target: Target, cluster: Cluster, say: Callable[[str], None]
) -> Ready:
    """As `made_ready`, for a file with machines."""
    from crowbar.services.cluster.standing import standing
    from crowbar.services.wanted import merged
    from crowbar_cli.cluster import chain, reach

    behind: tuple[str, ...] = ()
    if any(standing(context, cluster).to_come.values()):
        # Which nodes the roles get can only be told when they have turned up; the image is for all roles then.
        packages = packages_of(context.catalog)
    else:
        preview = previewed(context, target)
        packages = chosen_packages(preview)
        behind = tuple(reach.behind(preview.context, merged(preview.context, preview.proposals)))
    left_out = chain.bring(settings, context, cluster, packages, behind, say)
    proposals = previewed(context, target).proposals
    _route(settings, context, proposals, say)
    return Ready(proposals, left_out, from_machines=True)


def _route(settings: Settings, context: Context, proposals: list[WantedProposal], say: Callable[[str], None]) -> None:
    from crowbar.services.wanted import merged
    from crowbar_cli.cluster import reach

    reach.route(settings, context, merged(context, proposals), say)


def packages_of(catalog: Catalog) -> tuple[str, ...]:
    """The Debian packages of all roles that there are."""
    return tuple(sorted({package for one in catalog for role in one.roles.values() for package in role.packages}))


def chosen_packages(preview: Preview) -> tuple[str, ...]:
    """The Debian packages of all roles that some node is to hold."""
    return proposed_packages(preview.context, preview.proposals)


def proposed_packages(context: Context, proposals: Sequence[WantedProposal] = ()) -> tuple[str, ...]:
    """The Debian packages of all roles that the saved proposals, with these laid over them, give to some node."""
    from crowbar.services.wanted import merged

    found: set[str] = set()
    for name, proposal in merged(context, proposals).items():
        barclamp = context.catalog.get(name)
        found.update(
            package for role, nodes in proposal.elements.items() if nodes for package in barclamp.roles[role].packages
        )
    return tuple(sorted(found))


def _expected(context: Context, target: Target) -> tuple[list[Node], tuple[str, ...]]:
    """The nodes that the target would add, and notes that say what of them is an estimate."""
    from crowbar_cli import single_node, this_host
    from crowbar_cli.cluster.expected import expected

    match target.place:
        case Place.SINGLE_NODE if context.store.nodes.get(single_node.NAME) is None:
            note = "The container machine is not there yet: what it can do is estimated from what this host can do."
            return [single_node.estimated()], (note,)
        case Place.THIS_HOST if this_host.known(context) is None:
            note = "This host is not a node yet: the plan is for what was found on it now."
            return [this_host.described()], (note,)
        case Place.KNOWN:
            return expected(context, cluster_of(target))
    return [], ()
