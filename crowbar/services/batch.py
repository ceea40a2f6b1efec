"""Cluster files: read for a deployment, and written from the saved proposals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crowbar.catalog.batch import dump_batch, read_batch
from crowbar.catalog.model import WantedProposal
from crowbar.catalog.variables import in_order
from crowbar.errors import InputError
from crowbar.services.proposals import saved
from crowbar.services.wanted import node_view
from crowbar.store.model import Node, Proposal

if TYPE_CHECKING:
    from crowbar.services.context import Context


def read(context: Context, path: Path, also: Sequence[Node] = ()) -> list[WantedProposal]:
    """The proposals of a cluster file, merged over the saved ones and checked together with them; nothing is saved.

    ``also`` are nodes that there will be. Raises InputError with all faults and their lines.
    """
    nodes = {node.name: node_view(node) for node in (*also, *context.store.nodes.list())}
    return read_batch(path, context.catalog, nodes, saved(context))


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
