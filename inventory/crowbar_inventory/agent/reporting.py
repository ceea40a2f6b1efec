"""How an order goes, told while it is at work."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Self

from crowbar_inventory.agent.errors import OrderError, SessionOverError

_REPORT_EVERY = 2.0
_ALIVE_EVERY = 30.0  # at most, however long a program works in silence: the admin node takes silence for death

Report = Callable[[int, str], None]  # per cent done, and in words


class Reporting:
    """Tells how an order goes: not too often, and again where there is nothing new for long."""

    def __init__(self, tell: Report, say: Callable[[str], None]) -> None:
        self._tell, self._say = tell, say
        self._told = time.monotonic() - _REPORT_EVERY
        self._last = 0, "at work"
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._live, name="alive", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Before the order's end is told: after that, nothing may say that it still runs.
        self._over.set()
        self._thread.join()

    def __call__(self, progress: int, message: str) -> None:
        """Tell that the order is so far, unless something was told just now."""
        self._last = progress, message
        if progress == 0 or time.monotonic() - self._told >= _REPORT_EVERY:
            self._told = time.monotonic()
            self._say(message)
            self._tell(progress, message)

    def _live(self) -> None:
        while not self._over.wait(max(self._told + _ALIVE_EVERY - time.monotonic(), 0.01)):
            if time.monotonic() - self._told >= _ALIVE_EVERY:
                self._told = time.monotonic()
                # That the order is withdrawn, or the session over, ends the work when it reports next itself.
                with contextlib.suppress(OrderError, SessionOverError):
                    self._tell(*self._last)
