"""The plan: from what is wanted and what is known, the steps, and why each would run. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from crowbar.catalog.model import Catalog, Role
from crowbar.catalog.variables import identity
from crowbar.engine.graph import Vertex, build_graph, type_elements
from crowbar.store.model import Applied, StepKind

Inputs = Mapping[str, str]  # a step's inputs: their names (as a user would say them) and digests
_UNKNOWN = "unknown"
_SHOWN = 3


@dataclass(frozen=True)
class Known:
    """What has been done: the last success of each step by key, and the digests of the published facts."""

    applied: Mapping[str, Applied] = field(default_factory=dict)
    facts: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True)
class PlannedStep:
    """A step, whether it would run, and why.

    A gate is always checked; ``will_run`` tells whether it is a new demand on it. ``settled`` is false where only
    what an earlier step publishes can tell.
    """

    vertex: Vertex
    inputs: Inputs
    will_run: bool
    reason: str
    settled: bool = True

    @property
    def key(self) -> str:
        """Its key, unique in the plan."""
        return self.vertex.key

    @property
    def kind(self) -> StepKind:
        """What it does to its node."""
        return self.vertex.kind

    @property
    def barclamp(self) -> str:
        """The barclamp it belongs to."""
        return self.vertex.barclamp

    @property
    def role(self) -> str:
        """The role it applies."""
        return self.vertex.role

    @property
    def node(self) -> str:
        """The node it runs on."""
        return self.vertex.node

    @property
    def requires(self) -> tuple[str, ...]:
        """The keys of the steps that come before."""
        return self.vertex.requires

    @property
    def identity(self) -> str:
        """The digest of all that the step is a function of."""
        return identity(self.inputs)


@dataclass(frozen=True)
class Plan:
    """All steps in a valid order. ``notes`` say what was chosen for the operator (a back end, a data path)."""

    steps: tuple[PlannedStep, ...]
    notes: tuple[str, ...] = ()

    @property
    def to_run(self) -> tuple[PlannedStep, ...]:
        """The steps that would run."""
        return tuple(step for step in self.steps if step.will_run)


def fact_inputs(vertex: Vertex, facts: Mapping[tuple[str, str], str]) -> dict[str, str]:
    """The inputs that a step has from facts published at run time."""
    return {f"{barclamp}'s {name}": facts.get((barclamp, name), _UNKNOWN) for barclamp, name in vertex.consumes}


def decide(step: PlannedStep, known: Known, *, force: bool) -> PlannedStep:
    """The step with its facts' digests as now known, and whether it would run with them."""
    inputs = {**step.inputs, **fact_inputs(step.vertex, known.facts)}
    will_run, reason = _verdict(inputs, known.applied.get(step.key), force=force)
    return replace(step, inputs=inputs, will_run=will_run, reason=reason, settled=True)


def _verdict(inputs: Inputs, applied: Applied | None, *, force: bool) -> tuple[bool, str]:
    if applied is None:
        return True, "new"
    if not applied.holds:
        return True, "its last run did not end well"
    if applied.identity != identity(inputs):
        return True, f"changed: {_difference(applied.inputs, inputs)}"
    if force:
        return True, "forced"
    return False, "unchanged"


def _difference(old: Inputs, new: Inputs) -> str:
    """The names of the inputs that differ, the first few of them."""
    names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return (", ".join(names[:_SHOWN]) or "what it is made of") + more


def make_plan(
    catalog: Catalog,
    elements: type_elements,
    known: Known,
    inputs_of: Callable[[Vertex], Inputs],
    *,
    forced: Callable[[PlannedStep], bool] = lambda _: False,
    notes: Sequence[str] = (),
) -> Plan:
    """Plan the way from ``known`` to the wanted ``elements`` (barclamp -> role -> node names).

    ``inputs_of`` gives a step's inputs but for run-time facts. What is ``forced`` runs also if nothing has changed.
    """
    steps: dict[str, PlannedStep] = {}
    running: set[str] = set()
    made: dict[tuple[str, str], str] = {}  # a fact that will be made anew, and the step that makes it
    for vertex in build_graph(catalog, elements):
        inputs = dict(inputs_of(vertex))
        if vertex.kind is StepKind.GATE:
            inputs |= {key: steps[key].identity for key in vertex.requires}
        bare = PlannedStep(vertex, inputs, will_run=False, reason="")
        step = decide(bare, known, force=forced(bare))
        if vertex.kind is StepKind.GATE:
            step = _gate_verdict(step, running)
        elif not step.will_run and (makers := {made[fact] for fact in vertex.consumes if fact in made}):
            step = replace(step, settled=False, reason=f"only if {', '.join(sorted(makers))} publishes other facts")
        if step.will_run:
            running.add(step.key)
            made |= dict.fromkeys(vertex.produces, step.key)
        steps[vertex.key] = step
    removals = _removals(catalog, steps, known)
    applied = (_making_room(catalog, step, removals) for step in steps.values())
    return Plan((*(_after_leaving(catalog, step, removals) for step in applied), *removals), tuple(notes))


def _gate_verdict(step: PlannedStep, running: set[str]) -> PlannedStep:
    if running.intersection(step.requires):
        return replace(step, will_run=True, reason="after its barclamp's steps")
    if step.will_run:
        return step
    return replace(step, reason="checked again")


def _removals(catalog: Catalog, wanted: Mapping[str, PlannedStep], known: Known) -> list[PlannedStep]:
    """A step for each role that a node has and should not; what was put on last goes first.

    It comes after the roles of its barclamp that it was put on after, if it can: they know first that the node leaves.
    """
    gone = [
        applied
        for key, applied in known.applied.items()
        if key not in wanted
        and "/gate@" not in key
        and (barclamp := catalog.find(applied.barclamp)) is not None
        and applied.role in barclamp.roles
    ]
    depth = {applied.barclamp: _depth(catalog, applied.barclamp) for applied in gone}
    awaited = _awaiting(catalog, gone)
    steps: list[PlannedStep] = []
    for applied in sorted(gone, key=lambda one: (-depth[one.barclamp], one.key)):
        earlier = tuple(step.key for step in steps if depth[step.barclamp] > depth[applied.barclamp])
        # Where something below waits for such a removal itself, they would wait for each other in a circle.
        upstream = catalog.get(applied.barclamp).upstream(applied.role)
        waits = bool(awaited.intersection(_below(catalog, applied.barclamp)))
        told = tuple(
            step.key
            for step in wanted.values()
            if (step.kind, step.barclamp) == (StepKind.APPLY, applied.barclamp)
            and not waits
            and step.role in upstream
            and step.node != applied.node
        )
        vertex = Vertex(applied.key, StepKind.REMOVE, applied.barclamp, applied.role, applied.node, earlier + told)
        steps.append(PlannedStep(vertex, {}, will_run=True, reason="no longer wanted there"))
    return steps


def _making_room(catalog: Catalog, step: PlannedStep, removals: Sequence[PlannedStep]) -> PlannedStep:
    """The step, after the removals on its node of what stands in its way: a conflicting role, or one on its ports."""
    role = catalog.get(step.barclamp).roles[step.role]
    blocking = tuple(
        removal.key
        for removal in removals
        if removal.node == step.node and _in_the_way(catalog.get(removal.barclamp).roles[removal.role], role)
    )
    return replace(step, vertex=replace(step.vertex, requires=step.requires + blocking)) if blocking else step


def _after_leaving(catalog: Catalog, step: PlannedStep, removals: Sequence[PlannedStep]) -> PlannedStep:
    """The step, after its barclamp's roles that it comes after were removed from nodes that leave them."""
    if step.kind is not StepKind.APPLY:
        return step
    upstream = catalog.get(step.barclamp).upstream(step.role)
    left = tuple(
        one.key
        for one in removals
        if (one.barclamp, one.role in upstream) == (step.barclamp, True) and step.key not in one.requires
    )
    return replace(step, vertex=replace(step.vertex, requires=step.requires + left)) if left else step


def _in_the_way(old: Role, new: Role) -> bool:
    return new.name in old.conflicts or old.name in new.conflicts or bool(set(old.ports) & set(new.ports))


def _awaiting(catalog: Catalog, gone: Sequence[Applied]) -> set[str]:
    """The barclamps that have a role which comes after one that is removed."""
    left = {(applied.barclamp, applied.role) for applied in gone}
    return {
        name
        for name in {applied.barclamp for applied in gone}
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


def _depth(catalog: Catalog, name: str, seen: frozenset[str] = frozenset()) -> int:
    barclamp = catalog.find(name)
    if barclamp is None or name in seen:
        return 0
    return 1 + max((_depth(catalog, other, seen | {name}) for other in barclamp.requires), default=0)
