"""What is wanted, put together: saved proposals, those of a file laid over them, nodes, secrets and facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from crowbar.catalog.model import Catalog, FactRef, NodeView, WantedProposal
from crowbar.catalog.variables import Deployed
from crowbar.errors import Fault, InputError
from crowbar.services.context import Context
from crowbar.services.layout import lay_out, seen
from crowbar.store.model import Node

DOMAIN = "crowbar.internal"
_NETWORKS = ("admin", "public", "storage", "tenant")


def node_view(node: Node) -> NodeView:
    """A node as roles see it. A network that it has no address in is served by its admin address, once it has one."""
    admin = dict.fromkeys(_NETWORKS, node.address) if "admin" in node.addresses else {}
    addresses = {**admin, **node.addresses}
    return NodeView(node.name, f"{node.name}.{DOMAIN}", addresses, node.aliases, node.facts)


def merged(context: Context, proposals: Sequence[WantedProposal]) -> dict[str, WantedProposal]:
    """The proposal of each barclamp: the given ones, and the saved ones of other barclamps.

    Raises InputError if a barclamp has two of different names.
    """
    saved = [WantedProposal(p.barclamp, p.name, p.attributes, p.elements) for p in context.store.proposals.list()]
    given = {(proposal.barclamp, proposal.name): proposal for proposal in (*saved, *proposals)}
    by_barclamp: dict[str, list[WantedProposal]] = {}
    for proposal in given.values():
        by_barclamp.setdefault(proposal.barclamp, []).append(proposal)
    faults = [
        Fault(f"barclamp {barclamp}", f"has the proposals {' and '.join(one.name for one in several)}; it can have one")
        for barclamp, several in by_barclamp.items()
        if len(several) > 1
    ]
    if faults:
        raise InputError("Proposals conflict.", faults=faults, hint="crowbar proposals delete one of them.")
    return {barclamp: _with_implied(context.catalog, only) for barclamp, [only] in by_barclamp.items()}


def _with_implied(catalog: Catalog, proposal: WantedProposal) -> WantedProposal:
    """The proposal with the roles that go with others."""
    implied = {
        role.name: proposal.elements.get(role.beside, ())
        for role in catalog.get(proposal.barclamp).roles.values()
        if role.beside
    }
    return replace(proposal, elements={**proposal.elements, **implied}) if implied else proposal


def deployed(context: Context, proposals: Mapping[str, WantedProposal], *, with_facts: bool = False) -> Deployed:
    """What the catalog makes steps' variables of.

    A plan takes the facts that roles publish at run time into account by itself; ``with_facts`` is for the moment
    when a step is handed to its node.
    """
    layout = lay_out(context.store.networks, context.catalog, proposals)
    nodes = [replace(one, addresses=layout.addresses(one.name, one.addresses)) for one in context.store.nodes.list()]
    return Deployed(
        nodes={node.name: node_view(node) for node in nodes},
        networks=seen(context.store.networks) if any(context.catalog.get(one).addresses for one in proposals) else {},
        proposals=proposals,
        domain=DOMAIN,
        versions={str(ref): ref.version for ref in context.store.secrets.refs()},
        facts=known_facts(context) if with_facts else (),
    )


def known_facts(context: Context) -> tuple[FactRef, ...]:
    """The facts that have been published, each with its digest."""
    refs = []
    for (owner, name), digest in context.store.published.digests().items():
        barclamp = context.catalog.find(owner)
        spec = barclamp.publishes.get(name) if barclamp else None
        if spec is not None and spec.fact_of:
            refs.append(FactRef(owner, spec.fact_of, name, digest))
    return tuple(refs)
