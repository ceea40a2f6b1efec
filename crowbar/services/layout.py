"""The addresses of nodes in the networks that proposals lay out on them: foreseen by a plan, given by a deployment.

The network `admin` is no matter of proposals: a machine has its address in it when it is installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from itertools import islice
from typing import TYPE_CHECKING, Any

from crowbar.catalog.addresses import addressed
from crowbar.catalog.words import nearest
from crowbar.errors import Fault, InputError
from crowbar.store.network_rules import HOST, address_at, free_positions, positions

if TYPE_CHECKING:
    from crowbar.catalog.model import Catalog, WantedProposal
    from crowbar.store.machine_model import Network
    from crowbar.store.networks import Networks

_ADMIN = "admin"


@dataclass(frozen=True)
class Layout:
    """``given``: node -> network -> its address there. ``freed``: node -> networks it has one in and is to have none.

    A node of which the proposals say nothing any more keeps its addresses until it is deleted.
    """

    given: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    freed: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def addresses(self, node: str, before: Mapping[str, str]) -> dict[str, str]:
        """The node's addresses by network, made of those that it has."""
        kept = {name: one for name, one in before.items() if name not in self.freed.get(node, ())}
        return {**kept, **self.given.get(node, {})}


def lay_out(networks: Networks, catalog: Catalog, proposals: Mapping[str, WantedProposal]) -> Layout:
    """Who is to have which address, by barclamps' proposals: what was given stays; new ones are the next free.

    Raises InputError with each network that there is not, or that has too few addresses. Writes nothing.
    """
    wanted = addressed(catalog, proposals)
    known = {network.name: network for network in networks.list()}
    last = networks.last_given()
    faults = [Fault(f"network {one}", f"there is none{nearest(one, list(known))}") for one in wanted.keys() - known]
    holders = {node for one in proposals.values() for nodes in one.elements.values() for node in nodes}
    given: dict[str, dict[str, str]] = {}
    freed: dict[str, set[str]] = {}
    for name, network in known.items():
        have = {entry.node: entry.address for entry in networks.hosts(name)}
        nodes = wanted.get(name, ())
        try:
            found = _in_network(network, have, nodes, last.get(name, -1))
        except InputError as error:
            faults.extend(error.faults)
            continue
        for node, address in found.items():
            given.setdefault(node, {})[name] = address
        for node in have.keys() & holders - set(nodes) if name != _ADMIN else ():
            freed.setdefault(node, set()).add(name)
    if faults:
        raise InputError(
            "Nodes cannot have the addresses that the proposals ask for; nothing was changed.",
            faults=faults,
            hint="Networks are made by the cluster file's `networks`, or by crowbar networks set.",
        )
    return Layout(given, {node: frozenset(names) for node, names in freed.items()})


def settle(networks: Networks, layout: Layout) -> None:
    """Give and free what the layout says, in the order in which it was foreseen. Raises what `allocate` raises."""
    pairs = sorted((name, node) for node, addresses in layout.given.items() for name in addresses if name != _ADMIN)
    for name, node in pairs:
        networks.allocate(name, node)
    for node, names in layout.freed.items():
        for name in names:
            networks.release(node, name)


def _in_network(network: Network, have: Mapping[str, str], nodes: Sequence[str], last: int) -> dict[str, str]:
    """Each node's address in the network: the one that it has, or of those that are free."""
    found = {node: have[node] for node in nodes if node in have}
    new = [node for node in nodes if node not in have] if network.name != _ADMIN else []
    base = int(IPv4Network(network.subnet).network_address)
    span = positions(network, HOST)
    taken = {int(IPv4Address(one)) - base for one in have.values()}
    free = list(islice(free_positions(span, taken, last), len(new)))
    if len(free) < len(new):
        why = f"{len(new)} more nodes are to have an address in it, and its range {HOST!r} has {len(free)} left"
        raise InputError("Too few addresses.", faults=[Fault(f"network {network.name}", why)])
    return found | {node: address_at(network, position) for node, position in zip(new, free, strict=True)}


def seen(networks: Networks) -> dict[str, dict[str, Any]]:
    """What roles see of each network, by its name."""
    return {
        one.name: {
            "subnet": one.subnet,
            "prefix": IPv4Network(one.subnet).prefixlen,
            "gateway": one.gateway,
            "vlan": one.vlan,
            "mtu": one.mtu,
        }
        for one in networks.list()
    }
