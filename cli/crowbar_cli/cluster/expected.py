"""The nodes that a file's machines will be, for plans that are made before there are any."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING

from crowbar.store.model import Node, NodeKind

if TYPE_CHECKING:
    from crowbar.catalog.cluster import Cluster, FileMachine
    from crowbar.services.context import Context
    from crowbar.store.machine_model import Network

ADMIN = "admin"
_EXAMPLE_NETWORK, _EXAMPLE_ADDRESS, _EXAMPLE_LAST = "192.0.2.0/24", "192.0.2.1", "192.0.2.254"  # RFC 5737's
_NETWORKS = ("admin", "public", "storage", "tenant")


def expected(context: Context, cluster: Cluster) -> tuple[list[Node], tuple[str, ...]]:
    """The nodes of machines without a system, as they can be expected to be; and notes that say what is estimated."""
    from crowbar.services.cluster.standing import installed, standing

    listed = {one.name: one for one in cluster.machines}
    missing = [name for name, view in standing(context, cluster).views.items() if not installed(view)]
    nodes = [_node(context, name, listed.get(name)) for name in missing]
    note = f"{', '.join(missing)}: not installed yet; what they can do is estimated, and their addresses are examples."
    return nodes, (note,) if missing else ()


def expected_networks(context: Context, cluster: Cluster) -> list[Network]:
    """The networks that the file makes or changes; and where a rack is to be made, an example of the one it brings."""
    from crowbar.store.machine_model import Network

    found = networks_of(cluster)
    if cluster.has_machines and ADMIN not in {one.name for one in (*found, *context.store.networks.list())}:
        found.append(Network(ADMIN, _EXAMPLE_NETWORK, ranges={"host": (_EXAMPLE_ADDRESS, _EXAMPLE_LAST)}))
    return found


def networks_of(cluster: Cluster) -> list[Network]:
    """The file's networks, as the store has them."""
    from crowbar.store.machine_model import Network

    return [Network(**asdict(one)) for one in cluster.networks]


def ways(context: Context, cluster: Cluster) -> list[dict[str, str]]:
    """What is done with each machine of the file before it has roles: `does`, `machine` and the reason."""
    from crowbar.services.cluster.standing import installed, standing

    listed = {one.name: one for one in cluster.machines}
    found: list[dict[str, str]] = []
    now = standing(context, cluster)
    for name, view in now.views.items():
        if installed(view):
            continue
        source = listed.get(name)
        if view is None and source is not None and source.virtual is not None:
            found.append(
                {"does": "rack/make", "machine": name, "reason": f"a {source.virtual.kind} of the virtual rack"}
            )
        if view is None or view.inspected is None:
            by = f" over {source.bmc}" if source is not None and source.bmc else ""
            found.append({"does": "machine/discover", "machine": name, "reason": f"its hardware is not known{by}"})
        reason = "not known yet" if view is None else f"is {view.state}"
        found.append({"does": "machine/install", "machine": name, "reason": reason})
    found += [
        {"does": "machine/wait", "machine": what, "reason": f"{number} more are to turn up"}
        for what, number in now.to_come.items()
        if number
    ]
    return found


def _node(context: Context, name: str, listed: FileMachine | None) -> Node:
    known = context.store.nodes.get(name)
    addresses = dict.fromkeys(_NETWORKS, _EXAMPLE_ADDRESS) | (dict(known.addresses) if known else {})
    facts = known.facts if known and known.facts else _facts(context, listed)
    return Node(name, NodeKind.MACHINE, addresses, known.aliases if known else (), facts=facts)


def _facts(context: Context, listed: FileMachine | None) -> dict[str, object]:
    """Of a container what this host can do; of a server, what roles ask of one."""
    from crowbar_cli.single_node import estimated

    if listed is not None and listed.virtual is not None and listed.virtual.kind == "container":
        return dict(estimated().facts)
    return {"capabilities": sorted(_asked_for(context))}


def _asked_for(context: Context) -> Iterable[str]:
    return {
        word
        for barclamp in context.catalog
        for choices in barclamp.choices.values()
        for choice in choices
        for word in choice.needs
    }
