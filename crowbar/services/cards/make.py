"""A failed step's card, from what is stored: it can be made long after, and when the node is gone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from crowbar.errors import InputError
from crowbar.services import logs
from crowbar.services.cards.causes import load_causes, match
from crowbar.services.cards.evidence import JOURNAL, bounded
from crowbar.store.model import Event, StepRow, StepStatus

if TYPE_CHECKING:
    from crowbar.services.context import Context

_TELLING = ("error", "fatal", "fail", "denied", "refused", "traceback", "exception", "critical", "cannot", "timed out")
_TIMELINE = 12
_EVENTS = 2000


@dataclass(frozen=True)
class Card:
    """One failed step. ``journal`` is the telling lines of its services', ``timeline`` how the machine came there."""

    step: str
    deployment: int
    node: str
    barclamp: str
    role: str
    task: str
    error: tuple[str, ...]
    journal: tuple[str, ...]
    timeline: tuple[str, ...]
    rule: str
    cause: str
    next: str


def cards(context: Context, number: int | None = None) -> list[Card]:
    """The cards of a deployment's failed steps (default: the last one). Raises InputError if there is no such one."""
    deployment = logs.deployment(context, number)
    rows = context.store.deployments.steps(deployment.id)
    return [card(context, row) for row in rows if row.status is StepStatus.FAILED]


def find(context: Context, key: str, number: int | None = None) -> Card:
    """The card of a step of a deployment (default: the last one). Raises InputError if it did not fail there."""
    deployment = logs.deployment(context, number)
    rows = {row.key: row for row in context.store.deployments.steps(deployment.id)}
    row = rows.get(key)
    if row is None or row.status is not StepStatus.FAILED:
        failed = ", ".join(one.key for one in rows.values() if one.status is StepStatus.FAILED) or "none"
        what = "has no step" if row is None else f"ended as {row.status} the step"
        raise InputError(f"Deployment {deployment.id} {what} {key!r}.", hint=f"Its failed steps: {failed}.")
    return card(context, row)


def card(context: Context, row: StepRow) -> Card:
    """The card of a failed step."""
    events = context.store.events.read(row.deployment, step=row.id, limit=_EVENTS)
    journal = next((event.message for event in reversed(events) if event.kind == JOURNAL), "").splitlines()
    error = bounded(row.error).splitlines()
    telling = list(_telling(journal))
    found = match([*error, *telling], load_causes())
    return Card(
        *(row.key, row.deployment, row.node, row.barclamp, row.role),
        task=_task(events),
        error=tuple(error),
        journal=tuple(telling),
        timeline=tuple(_timeline(context, row.node)),
        rule=found.id if found else "",
        cause=found.cause if found else "",
        next=_next(row, found.advice if found else ""),
    )


def _task(events: Sequence[Event]) -> str:
    failed = (event for event in reversed(events) if event.kind == "task.failed")
    return str(next((event.data.get("task", "") for event in failed), ""))


def _telling(journal: Sequence[str]) -> Iterator[str]:
    """The lines that say that something is wrong; where none does, the last few."""
    wrong = [line for line in journal if any(word in line.lower() for word in _TELLING)]
    yield from (wrong or journal)[-12:]


def _timeline(context: Context, name: str) -> Iterator[str]:
    machine = context.store.machines.get(name)
    if machine is not None:
        events = context.store.machine_events.timeline(machine.name, machine.macs)
        for event in events[-_TIMELINE:]:
            yield f"{event.at:%Y-%m-%d %H:%M:%S} {event.kind} {bounded(event.message)}"


def _next(row: StepRow, advice: str) -> str:
    concrete = advice.replace("NODE", row.node).replace("BARCLAMP", row.barclamp)
    return concrete or f"See all that it did (crowbar logs --step {row.key}); mend it, and crowbar deploy --resume."
