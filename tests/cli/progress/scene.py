"""A deployment in the middle: what the displays' tests draw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from crowbar.store.model import Deployment, DeploymentStatus, StepKind, StepRow, StepStatus
from crowbar_cli.progress.picture import Picture

BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def at(seconds: float) -> datetime:
    """That many seconds after the deployment began."""
    return BEGAN + timedelta(seconds=seconds)


def row(
    key: str,
    status: StepStatus,
    began: float | None = None,
    ended: float | None = None,
    *,
    changed: int = 0,
    error: str = "",
    reason: str = "new",
) -> StepRow:
    """A step's row; its kind, barclamp, role and node are in its key."""
    barclamp, _, rest = key.partition("/")
    role, _, node = rest.partition("@")
    kind = StepKind.GATE if role == "gate" else StepKind.APPLY
    return StepRow(
        id=abs(hash(key)),
        deployment=3,
        key=key,
        kind=kind,
        barclamp=barclamp,
        role=role,
        node=node,
        status=status,
        reason=reason,
        started=None if began is None else at(began),
        finished=None if ended is None else at(ended),
        changed=changed,
        error=error,
    )


ROWS = (
    row("system/system-node@node1", StepStatus.UNCHANGED),
    row("database/database-server@node1", StepStatus.SUCCEEDED, 0, 13.1, changed=4),
    row("database/gate@node1", StepStatus.SUCCEEDED, 13.1, 14),
    row("keystone/keystone-server@node1", StepStatus.RUNNING, 14),
    row("keystone/gate@node1", StepStatus.PENDING),
    row("glance/glance-server@node1", StepStatus.PENDING),
    row("glance/gate@node1", StepStatus.PENDING),
)
REQUIRES: Mapping[str, tuple[str, ...]] = {
    "keystone/keystone-server@node1": ("database/gate@node1",),
    "keystone/gate@node1": ("keystone/keystone-server@node1",),
    "glance/glance-server@node1": ("keystone/gate@node1",),
    "glance/gate@node1": ("glance/glance-server@node1",),
}
EXPECTED = {"keystone/keystone-server@node1": 14.0, "keystone/gate@node1": 1.0, "glance/glance-server@node1": 5.0}
LINES = {"keystone/keystone-server@node1": ("TASK Files", "waits for port 5000")}


def picture(now: float = 22, rows: Sequence[StepRow] = ROWS, **more: object) -> Picture:
    """The deployment ``now`` seconds after it began."""
    values = {"requires": REQUIRES, "expected": EXPECTED, "lines": LINES, **more}
    return Picture(now=at(now), began=BEGAN, rows={one.key: one for one in rows}, **values)  # type: ignore[arg-type]  # tests replace any field


def ended(status: DeploymentStatus = DeploymentStatus.SUCCEEDED) -> Deployment:
    """The deployment when it is over."""
    return Deployment(3, status, BEGAN, at(40))
