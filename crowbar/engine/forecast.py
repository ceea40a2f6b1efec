"""How long a plan would take, from how long its steps took before. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from statistics import fmean

from crowbar.engine.plan import Plan
from crowbar.engine.selection import LEFT_OUT
from crowbar.engine.step import PlannedStep
from crowbar.store.model import StepKind


@dataclass(frozen=True)
class Forecast:
    """``seconds`` of wall time; ``unknown`` counts the steps that never ran anywhere, and are not in it."""

    seconds: float
    unknown: int


def forecast(plan: Plan, took: Mapping[str, float]) -> Forecast:
    """Play the plan through: a node runs one step at a time, each when what it requires has ended.

    ``took`` has seconds by step key, from earlier deployments. A role that is new on a node is expected to take what it
    takes on others.
    """
    alike: dict[tuple[str, str], list[float]] = defaultdict(list)
    for key, seconds in took.items():
        alike[_kind_of(key)].append(seconds)
    steps = {step.key: step for step in plan.steps}
    ended: dict[str, float] = {}
    free: dict[str, float] = defaultdict(float)
    unknown = 0
    order = TopologicalSorter({key: [one for one in step.requires if one in steps] for key, step in steps.items()})
    for key in order.static_order():
        step = steps[key]
        begin = max((ended[one] for one in step.requires if one in ended), default=0.0)
        if not _takes_time(step):
            ended[key] = begin
            continue
        expected = took.get(key) or fmean(alike[_kind_of(key)] or [0.0])
        unknown += not expected
        ended[key] = free[step.node] = max(begin, free[step.node]) + expected
    return Forecast(max(ended.values(), default=0.0), unknown)


def _kind_of(key: str) -> tuple[str, str]:
    barclamp, _, rest = key.partition("/")
    return barclamp, rest.partition("@")[0]


def _takes_time(step: PlannedStep) -> bool:
    left_out = step.reason.startswith(LEFT_OUT)
    return not left_out and (step.will_run or not step.settled or step.kind is StepKind.GATE)
