"""Ctrl-C: the first one asks the engine to stop, the second one does not ask."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType


@contextlib.contextmanager
def cancelling(cancel: threading.Event, say: Callable[[str], None]) -> Iterator[None]:
    """Within the context, the first SIGINT or SIGTERM sets ``cancel`` and says so; the second interrupts at once."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()
        # From a thread: a handler runs between two instructions of code that may hold the display's lock.
        threading.Thread(
            target=say, args=("stopping what runs; press Ctrl-C again to stop at once",), daemon=True
        ).start()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Within the context, SIGTERM unwinds like Ctrl-C does, so that what is mounted or half-written is put away."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def serving() -> Iterator[None]:
    """Within the context, SIGTERM unwinds like Ctrl-C does, and then the context ends as if its work were done.

    For services: whoever ends one by SIGTERM, as systemd does, is not told that it failed.
    """
    terminated = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal terminated
        if not terminated:  # what is being put away is not interrupted by impatience
            terminated = True
            raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # only the main thread may set handlers
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        if not terminated:
            raise
    finally:
        signal.signal(signal.SIGTERM, before)
