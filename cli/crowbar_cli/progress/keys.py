"""Keys pressed on the terminal while a deployment runs."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import termios
import threading
import tty
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def key_presses(pressed: Callable[[str], None]) -> Iterator[None]:
    """Call ``pressed`` with each key, from a thread, until the context is left; the terminal is then as it was.

    Does nothing where standard input is no terminal. Ctrl-C still makes SIGINT.
    """
    if not sys.stdin.isatty():
        yield
        return
    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    wake_read, wake_write = os.pipe()
    reader = threading.Thread(target=_read, args=(terminal, wake_read, pressed), name="keys", daemon=True)
    try:
        tty.setcbreak(terminal)
        reader.start()
        yield
    finally:
        os.write(wake_write, b"x")
        reader.join()
        os.close(wake_read)
        os.close(wake_write)
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


def _read(terminal: int, wake: int, pressed: Callable[[str], None]) -> None:
    while True:
        ready, _, _ = select.select([terminal, wake], [], [])
        if wake in ready:
            return
        typed = os.read(terminal, 16)
        if not typed:
            return
        for key in typed.decode(errors="replace"):
            pressed(key)
