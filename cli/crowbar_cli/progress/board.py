"""The watcher that keeps the picture: the engine's threads tell it, a display reads it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from crowbar.store.model import Deployment, StepRow, StepStatus
from crowbar_cli.progress.picture import DONE, Picture

if TYPE_CHECKING:
    from crowbar.engine.plan import Plan

KEPT_LINES = 12
_LONGEST_LINE = 400


def _utc() -> datetime:
    return datetime.now(UTC)


def printable(text: str) -> str:
    """A node's output without what could move the cursor or colour the terminal; over-long lines are cut."""
    return "".join(char if char.isprintable() else " " for char in text.expandtabs(4))[:_LONGEST_LINE].rstrip()


class Board:
    """A Watcher that remembers. Subclasses show what it knows; ``now`` is the clock (UTC)."""

    def __init__(self, now: Callable[[], datetime] = _utc) -> None:
        self._now = now
        self._lock = threading.RLock()
        self._began = now()
        self._rows: dict[str, StepRow] = {}
        self._done = 0  # of these; a count, as there may be ten thousand
        self._requires: dict[str, tuple[str, ...]] = {}
        self._expected: dict[str, float] = {}
        self._lines: dict[str, deque[str]] = {}
        self._message = ""
        self._deployment: Deployment | None = None

    def planned(self, plan: Plan, rows: Sequence[StepRow], expected: Mapping[str, float]) -> None:
        """The plan is made: ``rows`` are its steps, ``expected`` the seconds they took earlier, by key."""
        with self._lock:
            self._requires = {step.key: step.requires for step in plan.steps}
            self._rows = {row.key: row for row in rows}
            self._done = sum(row.status in DONE for row in rows)
            self._expected = dict(expected)
            self._message = ""

    def step(self, row: StepRow) -> None:
        """A step began or ended. What it printed is of use for as long as it runs, and if it fails."""
        with self._lock:
            before = self._rows.get(row.key)
            self._done += (row.status in DONE) - (before is not None and before.status in DONE)
            self._rows[row.key] = replace(row, error="\n".join(map(printable, row.error.splitlines())))
            if row.status in DONE and row.status is not StepStatus.FAILED:
                self._lines.pop(row.key, None)

    def line(self, key: str, text: str) -> None:
        """A running step printed a line; the text comes from a node and is not trusted."""
        clean = printable(text)
        if clean:
            with self._lock:
                self._lines.setdefault(key, deque(maxlen=KEPT_LINES)).append(clean)

    def message(self, text: str) -> None:
        """What Crowbar does now, outside any step."""
        with self._lock:
            self._message = printable(text)

    def finished(self, deployment: Deployment, rows: Sequence[StepRow]) -> None:
        """The deployment ended."""
        with self._lock:
            self._rows.update({row.key: row for row in rows})
            self._deployment = deployment

    def picture(self) -> Picture:
        """What is known now, safe to read while the engine goes on."""
        with self._lock:
            return Picture(
                now=self._now(),
                began=self._began,
                rows=dict(self._rows),
                requires=self._requires,
                expected=self._expected,
                lines={key: tuple(lines) for key, lines in self._lines.items()},
                message=self._message,
                deployment=self._deployment,
            )
