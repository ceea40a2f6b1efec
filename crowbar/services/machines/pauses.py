"""Pauses between tries of what fails, each longer than the one before: a BMC is not hammered because it hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass


@dataclass(frozen=True)
class PauseLengths:
    """Seconds: after the first failure, and at most; ``refused`` is the most after a refusal.

    Who is refused waits longer: many BMCs lock an account out that comes too often with a wrong password.
    """

    first: float = 5
    longest: float = 120
    refused: float = 600


@dataclass(frozen=True)
class _Failed:
    times: int
    until: float
    by: Hashable


class Pauses:
    """Who may be tried again. It is forgotten when the process ends: after a restart all are tried at once."""

    def __init__(self, lengths: PauseLengths = PauseLengths(), clock: Callable[[], float] = time.monotonic) -> None:
        self._lengths = lengths
        self._clock = clock
        self._failed: dict[str, _Failed] = {}
        self._lock = threading.Lock()

    def over(self, name: str, by: Hashable) -> bool:
        """Whether it may be tried now; always so by other means (``by``: an address, a password) than before."""
        with self._lock:
            failed = self._failed.get(name)
            return failed is None or failed.by != by or self._clock() >= failed.until

    def failed(self, name: str, by: Hashable, *, refused: bool = False) -> None:
        """It failed once more."""
        with self._lock:
            before = self._failed.get(name)
            times = before.times if before is not None and before.by == by else 0
            longest = self._lengths.refused if refused else self._lengths.longest
            pause = min(self._lengths.first * 2.0 ** min(times, 30), longest)
            self._failed[name] = _Failed(times + 1, self._clock() + pause, by)

    def succeeded(self, name: str) -> None:
        """It failed no more, or is gone."""
        with self._lock:
            self._failed.pop(name, None)
