"""Deployments and their steps. The step rows are the only truth of what happened."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from sqlalchemy import Connection, Row, RowMapping, Update, bindparam, func, insert, select, update

from crowbar.store import tables as t
from crowbar.store.applied import save_applied, taint_applied
from crowbar.store.columns import now
from crowbar.store.database import Database
from crowbar.store.model import Applied, Deployment, DeploymentStatus, StepKind, StepRow, StepStatus
from crowbar.store.published import Publisher

DeploymentList = list[Deployment]  # inside the class, `list` is its method
StepList = list[StepRow]

RUNS_FOR_DURATION = 5

_STEP = t.steps.c
# Made once, with the columns to be set taken from its parameters: each step is updated several times.
_STEP_UPDATE = (
    update(t.steps)
    .where(_STEP.id == bindparam("of_step"))
    .returning(_STEP.key, _STEP.kind, _STEP.barclamp, _STEP.role, _STEP.node)
)


@dataclass(frozen=True)
class StepDraft:
    """A step as the plan wants it recorded."""

    key: str
    kind: StepKind
    barclamp: str
    role: str
    node: str
    status: StepStatus
    reason: str = ""


class Deployments:
    """Deployments, the newest of which may be running. Every method is one transaction."""

    def __init__(self, database: Database, publisher: Publisher) -> None:
        self._database = database
        self._publisher = publisher

    def create(self, summary: str, steps: Sequence[StepDraft]) -> Deployment:
        """Record a deployment that now begins, with its steps in plan order."""
        values = {"status": DeploymentStatus.RUNNING.value, "started": now(), "summary": summary}
        with self._database.write() as connection:
            row = connection.execute(insert(t.deployments).values(values).returning(*t.deployments.c)).one()
            if steps:
                rows = [_draft_values(row.id, position, draft) for position, draft in enumerate(steps)]
                connection.execute(insert(t.steps), rows)
        return _deployment(row)

    def get(self, deployment: int) -> Deployment | None:
        """The deployment of that number, or None."""
        with self._database.read() as connection:
            row = connection.execute(select(t.deployments).where(t.deployments.c.id == deployment)).one_or_none()
        return None if row is None else _deployment(row)

    def last(self) -> Deployment | None:
        """The newest deployment, or None if there was none yet."""
        found = self.list(1)
        return found[0] if found else None

    def list(self, limit: int = 50) -> DeploymentList:
        """The newest ``limit`` deployments, the newest first."""
        query = select(t.deployments).order_by(t.deployments.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [_deployment(row) for row in connection.execute(query)]

    def steps(self, deployment: int) -> StepList:
        """The steps of a deployment, in plan order."""
        query = select(t.steps).where(t.steps.c.deployment == deployment).order_by(t.steps.c.position)
        with self._database.read() as connection:
            return [_step(row) for row in connection.execute(query).mappings()]

    def have_applied(self, nodes: Collection[str]) -> set[str]:
        """Which of these nodes a role has ever been applied to, installed anew since or not."""
        c = t.steps.c
        done = (c.kind == StepKind.APPLY.value, c.status == StepStatus.SUCCEEDED.value, c.node.in_(nodes))
        with self._database.read() as connection:
            return set(connection.scalars(select(c.node).where(*done).distinct()))

    def start_step(self, step_id: int, identity: str) -> None:
        """Record that the step runs from now on, as a function of ``identity``.

        Until it succeeds nothing is known to hold for that role on that node: what was applied there loses its
        identity (it is made if it is the first time), so that no later plan takes it for done, and a removal finds it.
        Raises LookupError if there is no such step.
        """
        values = {"status": StepStatus.RUNNING.value, "identity": identity, "started": now(), "finished": None}
        with self._database.write() as connection:
            step = _update_step(connection, step_id, values)
            if step.kind != StepKind.GATE:  # which changes nothing
                taint_applied(connection, Applied(step.key, step.barclamp, step.role, step.node, identity=""))

    def finish_step(
        self,
        step_id: int,
        status: StepStatus,
        *,
        changed: int = 0,
        error: str = "",
        applied: Applied | None = None,
        published: Mapping[str, bytes] = {},
        identity: str | None = None,
    ) -> None:
        """Record how the step ended, what holds on its node since, and the facts it published: all or nothing.

        ``changed`` counts the tasks that reported a change; ``identity`` replaces the one it was started with.
        Raises LookupError if there is no such step.
        """
        values = {"status": status.value, "finished": now(), "changed": changed, "error": error}
        if identity is not None:
            values["identity"] = identity
        with self._database.write() as connection:
            barclamp = _update_step(connection, step_id, values).barclamp
            if applied is not None:
                save_applied(connection, applied)
            self._publisher.publish(connection, barclamp, published)

    def finish(self, deployment: int, status: DeploymentStatus) -> None:
        """Record how the deployment ended."""
        values = {"status": status.value, "finished": now()}
        with self._database.write() as connection:
            connection.execute(update(t.deployments).where(t.deployments.c.id == deployment).values(values))

    def recover(self) -> DeploymentList:
        """Close what an engine that died left open, and return those deployments.

        A deployment that ran is interrupted; its steps that ran or waited are cancelled. Only for who holds the
        deployment lock: another engine's running deployment looks the same from here.
        """
        at = now()
        with self._database.write() as connection:
            running = t.deployments.c.status == DeploymentStatus.RUNNING.value
            ids = connection.scalars(select(t.deployments.c.id).where(running)).all()
            for statement in _close_steps(ids):
                connection.execute(statement.values(status=StepStatus.CANCELLED.value, finished=at))
            values = {"status": DeploymentStatus.INTERRUPTED.value, "finished": at}
            connection.execute(update(t.deployments).where(t.deployments.c.id.in_(ids)).values(values))
            query = select(t.deployments).where(t.deployments.c.id.in_(ids)).order_by(t.deployments.c.id)
            return [_deployment(row) for row in connection.execute(query)]

    def durations(self) -> dict[str, float]:
        """How long each step is expected to take, in seconds, by its key: the median of its last five good runs."""
        c = t.steps.c
        age = func.row_number().over(partition_by=c.key, order_by=c.id.desc())
        done = (c.status == StepStatus.SUCCEEDED.value, c.started.is_not(None), c.finished.is_not(None))
        runs = select(c.key, c.started, c.finished, age.label("age")).where(*done).subquery()
        seconds: dict[str, list[float]] = {}
        with self._database.read() as connection:
            for run in connection.execute(select(runs).where(runs.c.age <= RUNS_FOR_DURATION)):
                seconds.setdefault(run.key, []).append((run.finished - run.started).total_seconds())
        return {key: median(values) for key, values in seconds.items()}


def _close_steps(deployments: Sequence[int]) -> tuple[Update, Update]:
    c = t.steps.c
    open_steps = update(t.steps).where(c.deployment.in_(deployments))
    died = open_steps.where(c.status == StepStatus.RUNNING.value).values(error="The engine ended while this step ran.")
    return died, open_steps.where(c.status == StepStatus.PENDING.value)


def _update_step(connection: Connection, step_id: int, values: Mapping[str, Any]) -> Row[Any]:
    """What the step is, after the update."""
    row = connection.execute(_STEP_UPDATE, {**values, "of_step": step_id}).one_or_none()
    if row is None:
        raise LookupError(f"there is no step {step_id}")
    return row


def _draft_values(deployment: int, position: int, draft: StepDraft) -> dict[str, Any]:
    return {
        "deployment": deployment,
        "position": position,
        "key": draft.key,
        "kind": draft.kind.value,
        "barclamp": draft.barclamp,
        "role": draft.role,
        "node": draft.node,
        "status": draft.status.value,
        "reason": draft.reason,
        "identity": "",
        "changed": 0,
        "error": "",
    }


def _deployment(row: Row[Any]) -> Deployment:
    return Deployment(row.id, DeploymentStatus(row.status), row.started, row.finished, row.summary)


def _step(row: RowMapping) -> StepRow:
    values = {name: row[name] for name in row if name != "position"}
    return StepRow(**{**values, "kind": StepKind(row["kind"]), "status": StepStatus(row["status"])})
