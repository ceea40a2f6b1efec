"""What is known of a running deployment at one moment, and what follows from it; no terminal in sight."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from crowbar.store.model import Deployment, StepKind, StepRow, StepStatus
from crowbar_cli.output import seconds

DONE = frozenset(
    {StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.UNCHANGED, StepStatus.CANCELLED, StepStatus.SKIPPED}
)


@dataclass(frozen=True)
class Picture:
    """A deployment at the moment ``now`` (UTC).

    ``rows`` are the steps by key, in the plan's order; ``requires`` and ``expected`` (seconds, from earlier
    deployments) are by key too; ``lines`` are the last lines each step printed; ``message`` is what Crowbar does
    besides.
    """

    now: datetime
    began: datetime
    rows: Mapping[str, StepRow] = field(default_factory=dict)
    requires: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    expected: Mapping[str, float] = field(default_factory=dict)
    lines: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    message: str = ""
    deployment: Deployment | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the deployment began."""
        return max(0.0, (self.now - self.began).total_seconds())

    @property
    def done(self) -> int:
        """How many steps have ended, whatever their end."""
        return sum(row.status in DONE for row in self.rows.values())

    def running(self) -> list[StepRow]:
        """The steps under way, the one that began first at the front."""
        rows = [row for row in self.rows.values() if row.status is StepStatus.RUNNING]
        return sorted(rows, key=lambda row: row.started or self.now)

    def blockers(self, key: str) -> list[str]:
        """The keys of the steps that must end before this one may begin."""
        return [
            other for other in self.requires.get(key, ()) if (row := self.rows.get(other)) and row.status not in DONE
        ]


def lasted(row: StepRow, now: datetime) -> float:
    """Seconds since a step began, or that it took; 0 for one that has not begun."""
    if row.started is None:
        return 0.0
    return max(0.0, ((row.finished or now) - row.started).total_seconds())


def remaining(picture: Picture) -> float | None:
    """Seconds until the deployment ends, by what its steps took earlier; None where too little is known.

    A node runs one step at a time, and a step waits for what it requires: so the longest chain of steps or the busiest
    node, whichever is longer, decides. A step that was never timed counts as the mean of those that were.
    """
    open_rows = {key: row for key, row in picture.rows.items() if row.status not in DONE}
    known = [picture.expected[key] for key in open_rows if key in picture.expected]
    if len(known) * 2 < len(open_rows):
        return None
    usual = sum(known) / len(known) if known else 0.0
    left = {
        key: max(0.0, picture.expected.get(key, usual) - lasted(row, picture.now)) for key, row in open_rows.items()
    }
    return max(_busiest_node(picture, left), _longest_chain(picture, left), 0.0)


def _busiest_node(picture: Picture, left: Mapping[str, float]) -> float:
    loads: dict[str, float] = {}
    for key, time_left in left.items():
        row = picture.rows[key]
        if row.kind is not StepKind.GATE:
            loads[row.node] = loads.get(row.node, 0.0) + time_left
    return max(loads.values(), default=0.0)


def _longest_chain(picture: Picture, left: Mapping[str, float]) -> float:
    ends: dict[str, float] = {}
    for key in left:  # the plan's order: what a step requires comes before it
        ends[key] = left[key] + max((ends.get(other, 0.0) for other in picture.requires.get(key, ())), default=0.0)
    return max(ends.values(), default=0.0)


def doing(picture: Picture) -> str:
    """What Crowbar waits for or does at this moment, in one line."""
    running = picture.running()
    if not running:
        if picture.rows and picture.done == len(picture.rows):
            return "finishing"
        return picture.message or "preparing"
    row = running[0]
    text = f"waiting for {row.key}, for {seconds(lasted(row, picture.now))}"
    if row.key in picture.expected:
        text += f" of about {seconds(picture.expected[row.key])}"
    return text if len(running) == 1 else f"{text}, and {len(running) - 1} more"


def saying(picture: Picture) -> str:
    """The last that the step said which is waited for: the task that it is at, or what that one waits for."""
    said = [picture.lines.get(row.key, ()) for row in picture.running()[:1]]
    return said[0][-1].removeprefix("TASK ") if said and said[0] else ""


def summary(picture: Picture) -> str:
    """How many steps ended how, in one line: ``30 succeeded, 1 failed``; ends that none had are left out."""
    order = (
        StepStatus.SUCCEEDED,
        StepStatus.UNCHANGED,
        StepStatus.FAILED,
        StepStatus.CANCELLED,
        StepStatus.SKIPPED,
        StepStatus.PENDING,
    )
    counts = [(sum(row.status is status for row in picture.rows.values()), status.value) for status in order]
    return ", ".join(f"{count} {word}" for count, word in counts if count) or "no steps"
