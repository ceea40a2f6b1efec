"""The plan: from what is wanted and what is known, the steps, and why each would run. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from crowbar.catalog.model import Catalog
from crowbar.catalog.variables import identity
from crowbar.catalog.words import first_of
from crowbar.engine.graph import Vertex, build_graph, type_elements
from crowbar.engine.leaving import after_removals, removals
from crowbar.engine.step import Inputs, PlannedStep
from crowbar.store.model import Applied, StepKind

_UNKNOWN = "unknown"
_SHOWN = 3


@dataclass(frozen=True)
class Known:
    """What has been done: the last success of each step by key, and the digests of the published facts."""

    applied: Mapping[str, Applied] = field(default_factory=dict)
    facts: Mapping[tuple[str, str], str] = field(default_factory=dict)


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
    return first_of(names, _SHOWN) or "what it is made of"


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
    leaving = removals(catalog, steps, known.applied)
    return Plan((*after_removals(catalog, steps.values(), leaving), *leaving), tuple(notes))


def _gate_verdict(step: PlannedStep, running: set[str]) -> PlannedStep:
    if running.intersection(step.requires):
        return replace(step, will_run=True, reason="after its barclamp's steps")
    if step.will_run:
        return step
    return replace(step, reason="checked again")
