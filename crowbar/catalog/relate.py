"""How barclamps stand to each other: names taken twice, requirements that are not there, cycles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from crowbar.catalog.model import Barclamp
from crowbar.catalog.source import Source
from crowbar.catalog.words import nearest
from crowbar.errors import Fault


@dataclass(frozen=True)
class Found:
    """A folder with a manifest, and what was made of it: a barclamp, unless there are faults."""

    folder: Path
    source: Source | None = None
    barclamp: Barclamp | None = None
    faults: tuple[Fault, ...] = ()

    @property
    def name(self) -> str:
        """The barclamp's name, which is its folder's."""
        return self.folder.name


def chain(edges: Mapping[str, Iterable[str]]) -> list[str]:
    """A cycle in a graph of names, as a chain that ends where it began; empty if there is none."""
    done: set[str] = set()
    for start in sorted(edges):
        path: list[str] = []
        stack = [(start, iter(sorted(edges[start])))]
        while stack:
            name, following = stack[-1]
            if not path or path[-1] != name:
                path.append(name)
            for other in following:
                if other in path:
                    return [*path[path.index(other) :], other]
                if other not in done and other in edges:
                    stack.append((other, iter(sorted(edges[other]))))
                    break
            else:
                done.add(name)
                path.pop()
                stack.pop()
    return []


def _without(one: Found, *faults: Fault) -> Found:
    return replace(one, barclamp=None, faults=(*one.faults, *faults))


def unique(found: list[Found]) -> list[Found]:
    """The first barclamp of a name, an alias or a role stays; a later one is a fault.

    Roles share one name space because Ansible's do: of two folders of one name it runs the first it finds.
    """
    taken: dict[str, Found] = {}
    roles: dict[str, Found] = {}
    result = []
    for one in found:
        if one.barclamp is None or one.source is None:
            result.append(one)
            continue
        names = [(one.name, ("name",)), *((name, ("aliases",)) for name in one.barclamp.aliases)]
        wrong = [
            one.source.fault(f"{name!r} is already the name or an alias of {taken[name].folder}", *path)
            for name, path in names
            if name in taken
        ]
        wrong = wrong or [
            one.source.fault(f"{role!r} is already a role of {roles[role].folder}", "roles", role)
            for role in one.barclamp.roles
            if role in roles
        ]
        if not wrong:
            taken.update((name, one) for name, _ in names)
            roles.update((role, one) for role in one.barclamp.roles)
        result.append(_without(one, *wrong) if wrong else one)
    return result


def canonical(found: list[Found]) -> list[Found]:
    """With aliases in `requires` and `wants` replaced by names."""
    names = {alias: one.name for one in found if one.barclamp for alias in (one.name, *one.barclamp.aliases)}

    def named(words: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(names.get(word, word) for word in words))

    return [
        replace(
            one, barclamp=replace(one.barclamp, requires=named(one.barclamp.requires), wants=named(one.barclamp.wants))
        )
        if one.barclamp
        else one
        for one in found
    ]


def dependable(found: list[Found]) -> list[Found]:
    """Without those whose requirements are unknown or broken, or that are in a cycle."""
    while True:
        good = {one.name: one.barclamp for one in found if one.barclamp}
        broken = {one.name for one in found} - set(good)
        result = [_grounded(one, list(good), broken) for one in found]
        if result == found:
            cycle = chain({name: [*one.requires, *one.wants] for name, one in good.items()})
            result = [_outside(one, cycle) for one in found]
        if result == found:
            return found
        found = result


def _grounded(one: Found, good: list[str], broken: set[str]) -> Found:
    """Left out if it requires what does not work."""
    if one.barclamp is None or one.source is None:
        return one
    wrong = []
    for index, name in enumerate(one.barclamp.requires):
        if name not in good:
            why = "is broken" if name in broken else f"is not known{nearest(name, good)}"
            wrong.append(one.source.fault(f"requires {name!r}, which {why}", "requires", index))
    return _without(one, *wrong) if wrong else one


def _outside(one: Found, cycle: list[str]) -> Found:
    """Left out if it is in the cycle, which is named beginning with it."""
    if one.barclamp is None or one.source is None or one.name not in cycle:
        return one
    start = cycle.index(one.name)
    turned = [*cycle[start:-1], *cycle[:start], one.name]
    key = "requires" if turned[1] in one.barclamp.requires else "wants"
    return _without(one, one.source.fault(f"the barclamps are in a cycle: {' -> '.join(turned)}", key))
