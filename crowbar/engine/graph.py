"""The order of things: which steps a cloud has, and which must come before which. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from crowbar.catalog.model import Barclamp, Catalog
from crowbar.errors import InputError
from crowbar.store.model import StepKind

type_elements = Mapping[str, Mapping[str, Sequence[str]]]  # barclamp -> role -> nodes


@dataclass(frozen=True)
class Vertex:
    """A step before anything is decided about it. ``requires`` are the keys of the steps that come before it.

    ``quorum`` is how many nodes must hold the role for what comes after it to begin.
    ``consumes`` and ``produces`` are the facts, as (barclamp, name), that it uses or publishes while it runs.
    """

    key: str
    kind: StepKind
    barclamp: str
    role: str
    node: str
    requires: tuple[str, ...] = ()
    consumes: tuple[tuple[str, str], ...] = ()
    produces: tuple[tuple[str, str], ...] = ()
    quorum: int = 1


def step_key(barclamp: str, role: str, node: str) -> str:
    """The key of a role's step on a node; a gate's role is ``gate``."""
    return f"{barclamp}/{role}@{node}"


def _present(names: Sequence[str], elements: type_elements, catalog: Catalog) -> list[str]:
    """Those of the named barclamps (aliases allowed) that have a role on some node."""
    found = [barclamp.name for name in names if (barclamp := catalog.find(name)) is not None]
    return [name for name in found if any(elements.get(name, {}).values())]


def barclamp_order(catalog: Catalog, elements: type_elements) -> list[str]:
    """The deployed barclamps, each after those that it requires or wants; alphabetical where that leaves a choice.

    Raises InputError that names the cycle, if there is one.
    """
    before = {
        name: _present((*catalog.get(name).requires, *catalog.get(name).wants), elements, catalog)
        for name in sorted(elements)
        if any(elements[name].values())
    }
    try:
        return list(TopologicalSorter(before).static_order())
    except CycleError as error:
        raise InputError(f"Barclamps require each other in a circle: {' -> '.join(error.args[1])}.") from error


def role_order(barclamp: Barclamp) -> list[str]:
    """The barclamp's roles, each after those named in its ``after``."""
    return list(TopologicalSorter({name: role.after for name, role in barclamp.roles.items()}).static_order())


def _facts(barclamp: Barclamp) -> dict[str, str]:
    """The facts that the barclamp's roles publish while they run: fact -> role."""
    return {fact.name: fact.fact_of for fact in barclamp.publishes.values() if fact.fact_of}


def _last_steps(barclamp: Barclamp, elements: type_elements) -> list[str]:
    """What must have ended before the barclamp counts as there: its gate, or without one all of its steps."""
    nodes = elements.get(barclamp.name, {})
    if barclamp.gate is not None and nodes.get(barclamp.gate.role):
        return [step_key(barclamp.name, "gate", nodes[barclamp.gate.role][0])]
    return [step_key(barclamp.name, role, node) for role in barclamp.roles for node in nodes.get(role, ())]


def _barclamp_steps(barclamp: Barclamp, catalog: Catalog, elements: type_elements) -> list[Vertex]:
    nodes = elements[barclamp.name]
    needed = [catalog.get(name) for name in _present((*barclamp.requires, *barclamp.wants), elements, catalog)]
    entry = tuple(key for other in needed for key in _last_steps(other, elements))
    own = _facts(barclamp)
    steps = []
    for role in role_order(barclamp):
        upstream = barclamp.upstream(role)
        before = tuple(step_key(barclamp.name, name, node) for name in upstream for node in nodes.get(name, ()))
        consumes = tuple((barclamp.name, fact) for fact, maker in own.items() if maker in upstream)
        foreign = tuple(
            (other.name, fact)
            for other in needed
            for fact in _facts(other)
            if barclamp.roles[role].reads_published(f"{other.name}.{fact}")
        )
        produces = tuple((barclamp.name, fact) for fact, maker in own.items() if maker == role)
        steps += [
            Vertex(
                step_key(barclamp.name, role, node),
                StepKind.APPLY,
                barclamp.name,
                role,
                node,
                entry + before,
                foreign + consumes,
                produces,
                max(barclamp.roles[role].count.min, 1),
            )
            for node in nodes.get(role, ())
        ]
    return steps


def _gate(barclamp: Barclamp, elements: type_elements, steps: Sequence[Vertex]) -> list[Vertex]:
    if barclamp.gate is None or not (nodes := elements[barclamp.name].get(barclamp.gate.role)):
        return []
    key = step_key(barclamp.name, "gate", nodes[0])
    requires = tuple(step.key for step in steps)
    return [Vertex(key, StepKind.GATE, barclamp.name, barclamp.gate.role, nodes[0], requires)]


def build_graph(catalog: Catalog, elements: type_elements) -> list[Vertex]:
    """All steps of the wanted cloud in one valid order; ``elements`` maps barclamp to role to node names.

    Edges: what a barclamp requires (and, where deployed, wants) is there and its gate passed; within a barclamp, the
    roles named in ``after`` are done on all their nodes; a gate comes after all of its barclamp's steps.
    """
    vertices: list[Vertex] = []
    for name in barclamp_order(catalog, elements):
        barclamp = catalog.get(name)
        steps = _barclamp_steps(barclamp, catalog, elements)
        vertices += steps + _gate(barclamp, elements, steps)
    return vertices
