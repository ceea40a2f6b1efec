"""What stands on the machine's screen and serial line."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Sequence


class Console:
    """One line for each thing done or waited for, with the seconds since start, on every console there is."""

    def __init__(self, start: float, consoles: Sequence[str] = ()) -> None:
        self._start = start
        self._files = []
        for name in consoles:
            with contextlib.suppress(OSError):  # a machine need not have it; and it must never hold us up
                self._files.append(os.open(f"/dev/{name}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY))
        self._files = self._files or [1]

    def say(self, message: str) -> None:
        """Tell it, in one line."""
        text = "".join(char if char.isprintable() else " " for char in message)[:400]
        for file in self._files:
            with contextlib.suppress(OSError):
                os.write(file, f"[{time.monotonic() - self._start:8.1f}] crowbar: {text}\n".encode())
