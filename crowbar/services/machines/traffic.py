"""What the admin node sends to machines, and whether one more may be sent to: by what is measured, not configured.

Discovery systems (some 200 MB) and images (some 900 MB) go to many machines at once. As long as each of them gets about
what one alone got, another is let in; when they share what the way holds, another would make all of them slower and
none of them ready sooner.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

ALWAYS = 4  # so many are never held up
_SHARE = 0.5  # of the best that one got: those that get less share what the way holds
_WINDOW = 4.0  # seconds over which the rate is taken
_LEAST = 1.0  # seconds of sending that a rate is made of
_PROMISED = 10.0  # seconds within which somebody who was told to fetch something begins to


class Traffic:
    """Counts what is sent. Any thread may call it; times are seconds of ``clock``."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sending = 0
        self._sent: deque[tuple[float, int]] = deque()
        self._since = 0.0  # since when so many are being sent to
        self._best = 0.0  # bytes a second that each of them got
        self._promises: deque[float] = deque()

    def begin(self) -> None:
        """Somebody begins to fetch something large."""
        with self._lock:
            if self._promises:
                self._promises.popleft()
            self._sending += 1
            self._since = self._clock()
            self._sent.clear()

    def sent(self, size: int) -> None:
        """So many bytes of it were taken."""
        with self._lock:
            at = self._clock()
            self._sent.append((at, size))
            self._best = max(self._best, self._each(at))

    def end(self) -> None:
        """He has it, or gave up."""
        with self._lock:
            self._sending -= 1
            self._since = self._clock()
            self._sent.clear()

    def admits(self, *, promise: bool = False) -> bool:
        """Whether one more may be told to fetch something; with ``promise`` he is told, and begins at once."""
        with self._lock:
            at = self._clock()
            while self._promises and at - self._promises[0] > _PROMISED:
                self._promises.popleft()
            admitted = self._sending + len(self._promises) < ALWAYS or self._has_room(at)
            if admitted and promise:
                self._promises.append(at)
            return admitted

    def _has_room(self, at: float) -> bool:
        """Whether those that are being sent to get about what one alone got; no, while that is not seen yet."""
        if self._promises or at - self._since < _LEAST:
            return False
        return self._each(at) >= _SHARE * self._best

    def _each(self, at: float) -> float:
        """Bytes a second that each gets now; 0 while it is too early to tell."""
        begun = max(self._since, at - _WINDOW)
        while self._sent and self._sent[0][0] < begun:
            self._sent.popleft()
        if not self._sending or at - self._since < _LEAST:
            return 0.0
        return sum(size for _, size in self._sent) / (at - begun) / self._sending
