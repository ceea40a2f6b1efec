"""Progress as plain lines: for logs, pipes and programs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Self

from crowbar.store.model import Deployment, StepKind, StepRow, StepStatus
from crowbar_cli.output import seconds
from crowbar_cli.progress.board import Board
from crowbar_cli.progress.picture import DONE, Picture, doing, lasted, remaining, saying, summary

if TYPE_CHECKING:
    from crowbar.engine.plan import Plan

QUIET_SECONDS = 30.0


def step_line(number: str, row: StepRow, expected: float | None, now: datetime) -> str:
    """``[12/31] keystone/keystone-server@node1 succeeded in 8.2 s (changed 5)``."""
    if row.status not in DONE:
        about = f", about {seconds(expected)}" if expected else ""
        return f"{number} {row.key} {row.status.value}{about}"
    took = f" in {seconds(lasted(row, now))}" if row.started else ""
    changed = f" (changed {row.changed})" if row.status is StepStatus.SUCCEEDED else ""
    because = f": {row.error}" if row.status in (StepStatus.CANCELLED, StepStatus.SKIPPED) and row.error else ""
    return f"{number} {row.key} {row.status.value}{took}{changed}{because}"


def workload(picture: Picture) -> str:
    """How much there is to do: ``2 steps to run, 1 gate to check, 28 unchanged, about 15.0 s``."""
    waiting = [row for row in picture.rows.values() if row.status not in DONE]
    gates = sum(row.kind is StepKind.GATE for row in waiting)
    parts = [_count(len(waiting) - gates, "step", "to run"), _count(gates, "gate", "to check")]
    parts.append(f"{picture.done} unchanged")
    estimate = remaining(picture)
    if estimate and estimate >= 1:
        parts.append(f"about {seconds(estimate)}")
    return ", ".join(parts)


def _count(number: int, word: str, rest: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'} {rest}"


def failure_lines(printed: Iterable[str], row: StepRow) -> list[str]:
    """What a failed step printed last, and its error, indented."""
    return [f"    {line}" for line in (*printed, *row.error.splitlines())]


class PlainWatcher(Board):
    """Writes a line for each thing that happens, and one that says what it waits for when nothing does."""

    def __init__(self, write: Callable[[str], None], quiet: float = QUIET_SECONDS) -> None:
        super().__init__()
        self._write = write
        self._quiet = quiet
        self._spoke = threading.Event()
        self._closed = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._spoke.set()
        self._ticker.join()

    def planned(self, plan: Plan, rows: Sequence[StepRow], expected: Mapping[str, float]) -> None:
        """Say how much there is to do, and what needs nothing done."""
        super().planned(plan, rows, expected)
        picture = self.picture()
        for text in plan.notes:
            self._say(f"note: {text}")
        self._say(workload(picture))

    def step(self, row: StepRow) -> None:
        """Say that a step began or ended; of a failed one, its last lines and its error too."""
        super().step(row)
        with self._lock:  # no whole picture for a line: that looks at every step
            number = f"[{self._done}/{len(self._rows)}]"
            lines = [step_line(number, row, self._expected.get(row.key), self._now())]
            if row.status is StepStatus.FAILED:
                lines += failure_lines(self._lines.get(row.key, ()), row)
        self._say("\n".join(lines))

    def message(self, text: str) -> None:
        """Say what Crowbar does outside any step."""
        super().message(text)
        self._say(self._message)

    def finished(self, deployment: Deployment, rows: Sequence[StepRow]) -> None:
        """Say how it ended."""
        super().finished(deployment, rows)
        picture = self.picture()
        self._say(
            f"deployment {deployment.id} {deployment.status.value} after {seconds(picture.elapsed)}: {summary(picture)}"
        )

    def _say(self, text: str) -> None:
        if text:
            with self._lock:
                self._write(text)
            self._spoke.set()

    def _tick(self) -> None:
        while not self._closed.is_set():
            if self._spoke.wait(self._quiet):
                self._spoke.clear()
                continue
            with self._lock:
                picture = self.picture()
                self._write(": ".join(filter(None, (f"... {doing(picture)}", saying(picture)))))
