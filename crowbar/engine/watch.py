"""Who watches a deployment: the terminal, a log, a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from crowbar.store.model import Deployment, StepRow

if TYPE_CHECKING:
    from crowbar.engine.plan import Plan


class Watcher(Protocol):
    """Told what happens, in the engine's own thread; must return at once."""

    def planned(self, plan: Plan, rows: Sequence[StepRow], expected: Mapping[str, float]) -> None:
        """The deployment begins. ``expected`` has seconds by step key, from earlier deployments."""

    def step(self, row: StepRow) -> None:
        """A step's status changed."""

    def line(self, key: str, text: str) -> None:
        """A running step printed a line."""

    def message(self, text: str) -> None:
        """What the engine does or waits for, outside of any step."""

    def finished(self, deployment: Deployment, rows: Sequence[StepRow]) -> None:
        """The deployment ended."""
