"""Checks a set of proposals as a whole, against the catalog and the known nodes. Pure; every fault at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from crowbar.catalog.attributes import complete, validate
from crowbar.catalog.choose import resolve
from crowbar.catalog.model import Barclamp, Catalog, Count, NodeView, WantedProposal
from crowbar.catalog.source import DataPath
from crowbar.catalog.words import nearest
from crowbar.errors import Fault, InputError

Places = Callable[[int, DataPath], str]  # where in its file a part of the n-th proposal stands
ELEMENTS = ("deployment", "elements")


def check(
    catalog: Catalog, nodes: Mapping[str, NodeView], proposals: Sequence[WantedProposal], places: Places
) -> list[Fault]:
    """Everything that is wrong with ``proposals``, which are all that the cloud is to have.

    Barclamps are found by name or alias; nodes by name.
    """
    found = [*_barclamps(catalog, proposals, places), *_conflicts(catalog, proposals, places)]
    for index, proposal in enumerate(proposals):
        barclamp = catalog.find(proposal.barclamp)
        if barclamp is None:
            continue

        at = partial(places, index)
        wrong = validate(barclamp, proposal.attributes, partial(_attribute, at))
        found.extend(wrong)
        found.extend(_elements(barclamp, nodes, proposal, at))
        found.extend(_on_nodes(barclamp, nodes, proposal, at, choosable=not wrong))
    return sorted(found, key=by_line)


def by_line(fault: Fault) -> tuple[str, int]:
    """What sorts faults into the order of their files."""
    name, _, line = fault.place.rpartition(":")
    return (name, int(line)) if line.isdigit() else (fault.place, 0)


def _attribute(at: Callable[[DataPath], str], path: DataPath) -> str:
    return at(("attributes", *path))


def _barclamps(catalog: Catalog, proposals: Sequence[WantedProposal], places: Places) -> Iterator[Fault]:
    """Barclamps that are unknown, broken, proposed twice, or required and missing."""
    known = [name for barclamp in catalog for name in (barclamp.name, *barclamp.aliases)]
    first: dict[str, int] = {}
    for index, proposal in enumerate(proposals):
        barclamp = catalog.find(proposal.barclamp)
        place = places(index, ("barclamp",))
        if barclamp is None and proposal.barclamp in catalog.broken:
            for fault in catalog.broken[proposal.barclamp]:
                yield Fault(place, f"the barclamp {proposal.barclamp!r} is broken: {fault}")
        elif barclamp is None:
            yield Fault(place, f"there is no barclamp {proposal.barclamp!r}{nearest(proposal.barclamp, known)}")
        elif barclamp.name in first:
            other = places(first[barclamp.name], ("barclamp",))
            yield Fault(place, f"a second proposal of {barclamp.name}, as there is one already ({other})")
        else:
            first[barclamp.name] = index
    for name, index in first.items():
        for required in catalog.get(name).requires:
            if required not in first:
                yield Fault(places(index, ("barclamp",)), f"{name} requires {required}, which has no proposal")


def _elements(
    barclamp: Barclamp, nodes: Mapping[str, NodeView], proposal: WantedProposal, at: Callable[[DataPath], str]
) -> Iterator[Fault]:
    """Roles and nodes that are unknown, and roles on too few or too many nodes."""
    names = [name for node in nodes.values() for name in (node.name, *node.aliases)]
    for role, holders in proposal.elements.items():
        if role not in barclamp.roles:
            message = f"{barclamp.name} has no role {role!r}{nearest(role, list(barclamp.roles))}"
            yield Fault(at((*ELEMENTS, role)), message)
        for index, node in enumerate(holders):
            if node not in nodes:
                yield Fault(at((*ELEMENTS, role, index)), f"there is no node {node!r}{nearest(node.strip('@'), names)}")
        for node, times in Counter(holders).items():
            if times > 1:
                yield Fault(at((*ELEMENTS, role)), f"node {node} is there {times} times")
    for role, spec in barclamp.roles.items():
        have, count = len(set(proposal.elements.get(role, ()))), spec.count
        if have < count.min or (count.max is not None and have > count.max):
            yield Fault(at((*ELEMENTS, role)), f"{role} has {_nodes(have)}; it needs {_allowed(count)}")


def _on_nodes(
    barclamp: Barclamp,
    nodes: Mapping[str, NodeView],
    proposal: WantedProposal,
    at: Callable[[DataPath], str],
    *,
    choosable: bool,
) -> Iterator[Fault]:
    """Nodes without an address that the barclamp needs, or that can do none of an attribute's choices."""
    held = {node: role for role, holders in proposal.elements.items() for node in holders if node in nodes}
    for name, role in held.items():
        for network in barclamp.networks:
            if network not in nodes[name].addresses:
                message = f"node {name} has no address in the network {network!r}, which {barclamp.name} needs"
                yield Fault(at((*ELEMENTS, role)), message)
        if choosable:
            try:
                resolve(barclamp, complete(barclamp, proposal.attributes), nodes[name].capabilities)
            except InputError as error:
                yield Fault(at(("attributes",)), f"node {name}: {error.message} {error.hint}")


def _conflicts(catalog: Catalog, proposals: Sequence[WantedProposal], places: Places) -> Iterator[Fault]:
    """Roles that may not be on the same node, and are."""
    held: dict[str, dict[str, int]] = defaultdict(dict)  # node -> role -> proposal
    for index, proposal in enumerate(proposals):
        for role, holders in proposal.elements.items():
            for node in holders:
                held[node][role] = index
    for node, roles in held.items():
        for role, index in roles.items():
            barclamp = catalog.find(proposals[index].barclamp)
            spec = barclamp.roles.get(role) if barclamp else None
            for other in spec.conflicts if spec else ():
                if other in roles:
                    message = f"node {node} cannot hold both {role} and {other}"
                    yield Fault(places(index, (*ELEMENTS, role)), message)


def _allowed(count: Count) -> str:
    if count.max is None:
        return f"at least {_nodes(count.min)}"
    return f"exactly {_nodes(count.min)}" if count.min == count.max else f"from {count.min} to {_nodes(count.max)}"


def _nodes(number: int) -> str:
    return "1 node" if number == 1 else f"{number or 'no'} nodes"
