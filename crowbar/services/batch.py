"""Cluster files: read for a deployment, and written from the saved proposals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crowbar.catalog.batch import dump_batch, parse_batch, placements
from crowbar.catalog.cluster import cluster_of
from crowbar.catalog.model import WantedProposal
from crowbar.catalog.placement import Choice
from crowbar.catalog.source import read_yaml
from crowbar.catalog.variables import in_order
from crowbar.errors import InputError
from crowbar.services.cluster.candidates import candidates
from crowbar.services.proposals import saved
from crowbar.services.wanted import node_view
from crowbar.store.model import Proposal

if TYPE_CHECKING:
    from crowbar.services.context import Context


def read(context: Context, path: Path) -> list[WantedProposal]:
    """The proposals of a cluster file, merged over the saved ones and checked together with them; nothing is saved.

    Raises InputError with all faults and their lines.
    """
    source = read_yaml(path)
    cluster = cluster_of(source)
    nodes = {node.name: node_view(node) for node in context.store.nodes.list()}
    return parse_batch(source, context.catalog, nodes, saved(context), candidates(context, cluster))


def choices(context: Context, path: Path) -> dict[tuple[str, str], Choice]:
    """Which nodes the selections of a cluster file choose, and why, by barclamp and role."""
    source = read_yaml(path)
    found = candidates(context, cluster_of(source))
    return placements(source, context.catalog, saved(context), found)


def import_(context: Context, path: Path) -> list[Proposal]:
    """Save the proposals of a cluster file, and deploy nothing.

    Raises InputError with all faults and their lines; then nothing is saved.
    """
    return [
        context.store.proposals.save(Proposal(one.barclamp, one.name, one.attributes, one.elements))
        for one in read(context, path)
    ]


def export(context: Context, barclamps: Sequence[str] = ()) -> str:
    """A cluster file of the saved proposals (of these ``barclamps``, or all), each after those that it requires.

    Raises InputError if there is none, or a barclamp is unknown.
    """
    names = {context.catalog.get(name).name for name in barclamps}
    proposals = {one.barclamp: one for one in saved(context) if not names or one.barclamp in names}
    missing = sorted(names - set(proposals))
    if missing or not proposals:
        what = f"There is no proposal of {', '.join(missing)}." if missing else "There is no proposal yet."
        raise InputError(what, hint="crowbar proposals list")
    ordered = [proposals[barclamp.name] for barclamp in in_order(context.catalog, proposals)]
    return dump_batch(ordered, context.catalog)
