"""How far a file's machines are, and what becomes of waiting for them. Pure but for one look at the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crowbar.catalog.cluster import Cluster
from crowbar.services.cluster.candidates import matching
from crowbar.store.machine_model import MachineView
from crowbar.store.model import RUNNING_STATES, Health

if TYPE_CHECKING:
    from crowbar.services.context import Context

# A problem that lasts so long is not waited for any more: others go on without that machine. It is three times what
# the lifecycle takes to try again by itself.
PROBLEM_SECONDS = 180.0
ARRIVAL_SECONDS = 600.0  # so long for a machine to turn up; for matched ones, since the last one that did


@dataclass(frozen=True)
class Standing:
    """The machines by name (None: not known yet), and how many matched ones are still to turn up."""

    views: Mapping[str, MachineView | None]
    to_come: Mapping[str, int]

    @property
    def waiting(self) -> list[str]:
        """Those that have no system of their own yet."""
        return [name for name, view in self.views.items() if not installed(view)]

    def lines(self) -> list[str]:
        """A line for each: "node1 installing (12 %)". Compared with those of before, they say what changed."""
        rows = [f"{name} {_words(view)}" for name, view in self.views.items()]
        return [*rows, *(f"{number} more of {what} to turn up" for what, number in self.to_come.items() if number)]


def installed(view: MachineView | None) -> bool:
    """Whether it runs a system that roles can be applied to."""
    return view is not None and view.state in RUNNING_STATES


def standing(context: Context, cluster: Cluster) -> Standing:
    """How far the file's machines are now."""
    views = {view.machine.name: view for view in context.store.machines.list(hardware=False)}
    named = {alias: view for view in views.values() for alias in (*view.aliases, view.machine.name)}
    found: dict[str, MachineView | None] = {}
    for one in cluster.machines:
        view = named.get(one.name)
        found[view.machine.name if view else one.name] = view
    to_come: dict[str, int] = {}
    for wanted in cluster.matched:
        names = matching(views, wanted.group, wanted.intended_role)[: wanted.count]
        found |= {name: views[name] for name in names}
        to_come[str(wanted)] = wanted.count - len(names)
    return Standing(found, to_come)


def given_up(view: MachineView | None, seconds: float) -> str:
    """Why a machine is not waited for any more that is as it is for ``seconds``; "" while it is."""
    if view is None:
        return "did not turn up" if seconds >= ARRIVAL_SECONDS else ""
    if seconds < PROBLEM_SECONDS or view.health is not Health.PROBLEM:
        return ""
    return f"is {view.state}: {view.last_error}"


class Patience:
    """Since when each machine is as it is, and so whether waiting makes sense. Times are seconds of one clock."""

    def __init__(self, begun: float) -> None:
        self._begun = begun
        self._since: dict[str, tuple[str, float]] = {}

    def hopeful(self, now: Standing, moment: float) -> bool:
        """Whether a machine is still to be waited for."""
        for name, view in now.views.items():
            words = "" if view is None else f"{view.state} {view.health}"
            if self._since.get(name, ("", 0.0))[0] != words or name not in self._since:
                self._since[name] = words, moment
        if any(not given_up(now.views[name], moment - self._since[name][1]) for name in now.waiting):
            return True
        newest = max((since for _, since in self._since.values()), default=self._begun)
        return any(now.to_come.values()) and moment - newest < ARRIVAL_SECONDS


def left_out(now: Standing) -> dict[str, str]:
    """Why each machine without a system is left out, by name."""
    return {
        name: "did not turn up"
        if view is None
        else f"is {view.state}" + (f": {view.last_error}" if view.last_error else "")
        for name, view in now.views.items()
        if not installed(view)
    }


def _words(view: MachineView | None) -> str:
    if view is None:
        return "is not known yet"
    if not view.machine.approved:
        return f"{view.state}, waits for approval: crowbar machines approve {view.machine.name}"
    health = "" if view.health is Health.OK else f", {view.health}"
    return f"{view.state}{health}" + (f": {view.last_error}" if view.last_error else "")
