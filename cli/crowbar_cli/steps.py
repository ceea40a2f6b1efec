"""A step as a program reads it: one shape for `plan`, `deploy` and `deployments show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crowbar.store.model import StepRow, StepStatus
from crowbar_cli.output import seconds

if TYPE_CHECKING:
    from crowbar.engine.step import PlannedStep


def row_document(row: StepRow) -> dict[str, Any]:
    """A step of a deployment."""
    return {
        "key": row.key,
        "kind": row.kind,
        "barclamp": row.barclamp,
        "role": row.role,
        "node": row.node,
        "status": row.status,
        "reason": why(row),
        "changed": row.changed,
        "seconds": _seconds(row),
        "error": row.error,
    }


def planned_document(step: PlannedStep) -> dict[str, Any]:
    """A step that a deployment would have: ``pending`` if it would run, else ``unchanged``."""
    return {
        "key": step.key,
        "kind": step.kind,
        "barclamp": step.barclamp,
        "role": step.role,
        "node": step.node,
        "status": StepStatus.PENDING if step.will_run else StepStatus.UNCHANGED,
        "will_run": step.will_run,
        "reason": step.reason,
        "requires": step.requires,
    }


def why(row: StepRow) -> str:
    """Why a step ended as it did, in one line; of one that did its work, why it ran."""
    if row.status in (StepStatus.FAILED, StepStatus.CANCELLED, StepStatus.SKIPPED) and row.error:
        return row.error.strip().partition("\n")[0]
    return row.reason


def took(row: StepRow) -> str:
    """How long a step took, for people."""
    duration = _seconds(row)
    return "-" if duration is None else seconds(duration)


def _seconds(row: StepRow) -> float | None:
    if row.started is None or row.finished is None:
        return None
    return round((row.finished - row.started).total_seconds(), 3)
