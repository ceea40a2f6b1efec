"""What a deployment does, written down as it happens, and told to who watches it.

The rows are the only truth: a step counts as done when its row says so, in the same transaction that keeps its
identity and what it published. No secret gets into them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime

from crowbar.engine.plan import Plan
from crowbar.engine.redact import Redactor
from crowbar.engine.step import PlannedStep
from crowbar.engine.watch import Watcher
from crowbar.store.deployments import StepDraft
from crowbar.store.model import Applied, Deployment, DeploymentStatus, Event, StepKind, StepRow, StepStatus
from crowbar.store.store import Store


class Record:
    """One deployment's. Used by one thread."""

    def __init__(self, store: Store, watcher: Watcher, redactor: Redactor) -> None:
        self._store = store
        self._watcher = watcher
        self._redactor = redactor
        self._events: list[Event] = []
        self._rows: dict[str, StepRow] = {}
        self._deployment = 0

    def open(self, plan: Plan, summary: str, drafts: Sequence[StepDraft]) -> Deployment:
        """The deployment begins, with a row for each step of its plan."""
        deployment = self._store.deployments.create(summary, drafts)
        self._deployment = deployment.id
        self._rows = {row.key: row for row in self._store.deployments.steps(deployment.id)}
        self._watcher.planned(plan, list(self._rows.values()), self._store.deployments.durations())
        return deployment

    def close(self, deployment: Deployment, status: DeploymentStatus) -> Deployment:
        """It has ended so."""
        self._store.deployments.finish(deployment.id, status)
        finished = replace(deployment, status=status, finished=datetime.now(UTC))
        self._watcher.finished(finished, list(self._rows.values()))
        return finished

    def start(self, step: PlannedStep) -> None:
        """A step began."""
        row = self._rows[step.key]
        self.flush()
        self._store.deployments.start_step(row.id, step.identity)
        self.event("step.started", step.key, step.key)
        self._show(replace(row, status=StepStatus.RUNNING, started=datetime.now(UTC)))

    def finish(
        self,
        step: PlannedStep,
        status: StepStatus,
        *,
        changed: int = 0,
        error: str = "",
        published: Mapping[str, bytes] | None = None,
    ) -> None:
        """A step ended: row, identity and facts in one transaction, then the watcher is told."""
        key, text = step.key, self._redactor.text(error)
        succeeded = status is StepStatus.SUCCEEDED
        keep = succeeded and step.kind is not StepKind.REMOVE
        self._store.deployments.finish_step(
            self._rows[key].id,
            status,
            changed=changed,
            error=text,
            applied=Applied(key, step.barclamp, step.role, step.node, step.identity, step.inputs) if keep else None,
            published=published or {},
            identity=step.identity,
        )
        if succeeded and step.kind is StepKind.REMOVE:
            self._store.applied.forget(key)
        if status is not StepStatus.UNCHANGED:
            self.event(f"step.{status}", f"{key} {status}" + (f": {error}" if error else ""), key)
        self.flush()
        ended = replace(self._rows[key], status=status, changed=changed, error=text)
        self._show(replace(ended, finished=datetime.now(UTC)))

    def line(self, key: str, text: str) -> None:
        """A step printed a line."""
        self._watcher.line(key, self._redactor.text(text))

    def event(self, kind: str, text: str, key: str = "", data: Mapping[str, object] | None = None) -> None:
        """Something happened, in a step or outside of any. Kept by the next `flush`, or when a step begins or ends."""
        row = self._rows.get(key)
        clean = self._redactor.data(data or {})
        step = row.id if row else None
        self._events.append(Event(self._deployment, step, datetime.now(UTC), kind, self._redactor.text(text), clean))

    def flush(self) -> None:
        """Keep the events that happened."""
        events, self._events = self._events, []
        if events:
            self._store.events.append(events)

    def _show(self, row: StepRow) -> None:
        self._rows[row.key] = row
        self._watcher.step(row)
