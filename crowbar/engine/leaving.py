"""What nodes have and should not: the steps that take it away, and what has to wait for these. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from crowbar.catalog.model import Catalog, Role
from crowbar.engine.graph import Vertex
from crowbar.engine.step import PlannedStep
from crowbar.store.model import Applied, StepKind


def removals(catalog: Catalog, wanted: Mapping[str, PlannedStep], applied: Mapping[str, Applied]) -> list[PlannedStep]:
    """A step for each role that a node has and should not; what was put on last goes first.

    It comes after the roles of its barclamp that it was put on after, if it can: they know first that the node leaves.
    """
    gone = _gone(catalog, wanted, applied)
    depth = _depths(catalog, {one.barclamp for one in gone})
    awaited = _awaiting(catalog, gone)
    # Where something below waits for such a removal itself, they would wait for each other in a circle.
    waits = {name: bool(awaited.intersection(_below(catalog, name))) for name in depth}
    holders: dict[tuple[str, str], list[PlannedStep]] = defaultdict(list)
    for step in wanted.values():
        if step.kind is StepKind.APPLY:
            holders[step.barclamp, step.role].append(step)
    steps: list[PlannedStep] = []
    deeper: tuple[str, ...] = ()  # the removals of barclamps that stand higher than the present one
    level = -1
    for one in sorted(gone, key=lambda one: (-depth[one.barclamp], one.key)):
        if depth[one.barclamp] != level:
            deeper, level = tuple(step.key for step in steps), depth[one.barclamp]
        upstream = () if waits[one.barclamp] else sorted(catalog.get(one.barclamp).upstream(one.role))
        told = tuple(step.key for role in upstream for step in holders[one.barclamp, role] if step.node != one.node)
        vertex = Vertex(one.key, StepKind.REMOVE, one.barclamp, one.role, one.node, deeper + told)
        steps.append(PlannedStep(vertex, {}, will_run=True, reason="no longer wanted there"))
    return steps


def after_removals(
    catalog: Catalog, steps: Iterable[PlannedStep], leaving: Sequence[PlannedStep]
) -> Iterator[PlannedStep]:
    """The steps, each after the removals that it has to wait for.

    These are the ones on its node of what stands in its way (a conflicting role, or one on its ports), and those of
    its barclamp's roles that it comes after, from nodes that leave them.
    """
    by_node: dict[str, list[PlannedStep]] = defaultdict(list)
    by_role: dict[tuple[str, str], list[PlannedStep]] = defaultdict(list)
    for one in leaving:
        by_node[one.node].append(one)
        by_role[one.barclamp, one.role].append(one)
    waits_for_us = {one.key: frozenset(one.requires) for one in leaving}
    for step in steps:
        role = catalog.get(step.barclamp).roles[step.role]
        after = [
            one.key
            for one in by_node.get(step.node, ())
            if _in_the_way(catalog.get(one.barclamp).roles[one.role], role)
        ]
        if step.kind is StepKind.APPLY and leaving:
            after += [
                one.key
                for name in sorted(catalog.get(step.barclamp).upstream(step.role))
                for one in by_role.get((step.barclamp, name), ())
                if step.key not in waits_for_us[one.key]
            ]
        if after:
            yield replace(step, vertex=replace(step.vertex, requires=(*step.requires, *dict.fromkeys(after))))
        else:
            yield step


def _gone(catalog: Catalog, wanted: Mapping[str, PlannedStep], applied: Mapping[str, Applied]) -> list[Applied]:
    return [
        one
        for key, one in applied.items()
        if key not in wanted
        and "/gate@" not in key
        and (barclamp := catalog.find(one.barclamp)) is not None
        and one.role in barclamp.roles
    ]


def _in_the_way(old: Role, new: Role) -> bool:
    return new.name in old.conflicts or old.name in new.conflicts or bool(set(old.ports) & set(new.ports))


def _awaiting(catalog: Catalog, gone: Sequence[Applied]) -> set[str]:
    """The barclamps that have a role which comes after one that is removed."""
    left = {(one.barclamp, one.role) for one in gone}
    return {
        name
        for name in {one.barclamp for one in gone}
        for role in catalog.get(name).roles
        if any((name, other) in left for other in catalog.get(name).upstream(role))
    }


def _below(catalog: Catalog, name: str) -> set[str]:
    """All barclamps that this one requires or wants, directly or not."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        barclamp = catalog.find(waiting.pop())
        for other in (*barclamp.requires, *barclamp.wants) if barclamp else ():
            if other not in found:
                found.add(other)
                waiting.append(other)
    return found


def _depths(catalog: Catalog, names: Iterable[str]) -> dict[str, int]:
    """How many barclamps each of these stands on, one above the other."""
    found: dict[str, int] = {}

    def depth(name: str) -> int:
        if name not in found:
            found[name] = 0  # and so it stays where they require each other in a circle
            barclamp = catalog.find(name)
            if barclamp is not None:
                found[name] = 1 + max(map(depth, barclamp.requires), default=0)
        return found[name]

    return {name: depth(name) for name in names}
