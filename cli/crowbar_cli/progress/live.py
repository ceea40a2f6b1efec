"""Progress as a live tree on a terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live

from crowbar.store.model import StepRow
from crowbar_cli.progress.board import Board
from crowbar_cli.progress.keys import key_presses
from crowbar_cli.progress.tree import draw

if TYPE_CHECKING:
    from crowbar.engine.plan import Plan

_REFRESHES = 4  # a second


class _Canvas:
    """Draws the board anew each time rich asks."""

    def __init__(self, watcher: LiveWatcher) -> None:
        self._watcher = watcher

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        yield draw(self._watcher.picture(), lines=self._watcher.lines_shown, height=options.size.height)


class LiveWatcher(Board):
    """Redraws the tree four times a second; the key `l` shows and hides the running step's last lines."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self.lines_shown = False
        self._console = console
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(key_presses(self.pressed))
        self._stack.enter_context(
            Live(
                _Canvas(self),
                console=self._console,
                refresh_per_second=_REFRESHES,
                redirect_stdout=False,
                redirect_stderr=False,
            )
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def pressed(self, key: str) -> None:
        """A key was pressed on the terminal."""
        if key.lower() == "l":
            self.lines_shown = not self.lines_shown

    def planned(self, plan: Plan, rows: Sequence[StepRow], expected: Mapping[str, float]) -> None:
        """The plan is made; its notes stay above the tree."""
        for text in plan.notes:
            self._console.print(f"note: {text}", markup=False, highlight=False)
        super().planned(plan, rows, expected)
