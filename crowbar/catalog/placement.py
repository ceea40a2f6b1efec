"""Which nodes hold a role that names none: chosen by group, intended role, number, spread and what they have. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from pydantic import Field

from crowbar.catalog.raw import Raw


@dataclass(frozen=True)
class Candidate:
    """What a choice may look at of a node. A figure of None is not known yet: it is taken for enough."""

    name: str
    group: str = ""
    intended_role: str = ""
    rack_position: str = ""
    disks: int | None = None  # beside the one that it is installed on
    memory_mib: int | None = None
    virtualization: bool | None = None

    @property
    def cabinet(self) -> str:
        """The rack that it stands in: what is before the height in "R2-U17"."""
        return self.rack_position.partition("-")[0]


class Selection(Raw):
    """Which nodes hold a role, instead of a list of their names."""

    group: str | None = Field(default=None, description="Nodes of this group.")
    intended_role: str | None = Field(default=None, description="Nodes meant for this.")
    count: int | None = Field(default=None, ge=1, le=10000, description="So many of them; without it, all.")
    spread: str | None = Field(
        default=None, pattern="^rack_position$", description="`rack_position`: over as many racks as there are."
    )
    disks: int | None = Field(default=None, ge=1, le=1000, description="With so many disks beside the install disk.")
    memory_mib: int | None = Field(default=None, ge=1, le=1 << 30, description="With so much memory.")
    virtualization: bool | None = Field(default=None, description="`true`: whose processors can virtualize.")

    def __str__(self) -> str:
        given = self.model_dump(exclude_none=True)
        return ", ".join(f"{key} {value}" for key, value in given.items()) or "all nodes"


@dataclass(frozen=True)
class Choice:
    """The chosen nodes, why each was or was not, by name; and what is wrong, or ""."""

    names: tuple[str, ...]
    why: Mapping[str, str]
    problem: str = ""


def choose(selection: Selection, candidates: Sequence[Candidate], holders: Collection[str] = ()) -> Choice:
    """The nodes that a selection means. Who holds the role already (``holders``) and still fits keeps it."""
    why = {one.name: reason for one in candidates if (reason := _unfit(selection, one))}
    fit = [one for one in candidates if one.name not in why]
    number = len(fit) if selection.count is None else selection.count
    kept = [one for one in fit if one.name in holders][:number]
    fresh = [one for one in fit if one.name not in holders]
    if selection.spread:
        kept += _spread(fresh, kept, number - len(kept))
    else:
        kept += fresh[: number - len(kept)]
    chosen = {one.name for one in kept}
    for one in fit:
        if one.name in chosen:
            why[one.name] = "holds it already" if one.name in holders else f"fits {selection}"
        else:
            why[one.name] = f"fits, and {number} others were chosen before it"
    problem = "" if len(chosen) == number and number else f"asks for {selection.count or 'some'}, and {len(fit)} fit"
    problem += f" ({selection})" if problem else ""
    return Choice(tuple(one.name for one in candidates if one.name in chosen), why, problem)


def _unfit(selection: Selection, one: Candidate) -> str:
    if selection.group is not None and one.group != selection.group:
        return f"is in group {one.group or '(none)'}, not {selection.group}"
    if selection.intended_role is not None and one.intended_role != selection.intended_role:
        return f"is meant for {one.intended_role or 'nothing'}, not {selection.intended_role}"
    for key, unit in (("disks", "more disks"), ("memory_mib", "MiB of memory")):
        wanted, has = getattr(selection, key), getattr(one, key)
        if wanted is not None and has is not None and has < wanted:
            return f"has {has} {unit}, and {wanted} are asked for"
    if selection.virtualization and one.virtualization is False:
        return "has no processors that can virtualize"
    return ""


def _spread(fresh: Sequence[Candidate], kept: Sequence[Candidate], number: int) -> list[Candidate]:
    """So many of the fresh ones, each from the rack that has the fewest so far; of equals, the first in the file."""
    load = Counter(one.cabinet for one in kept)
    waiting = list(fresh)
    taken: list[Candidate] = []
    while waiting and len(taken) < number:
        best = min(waiting, key=lambda one: load[one.cabinet])
        waiting.remove(best)
        taken.append(best)
        load[best.cabinet] += 1
    return taken
