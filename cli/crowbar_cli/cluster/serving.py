"""`crowbar serve` for as long as machines are being brought up: the one that runs, or one of our own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from crowbar.errors import EnvironmentFault
from crowbar_cli.options import Settings

_READY = "Serving "
_SECONDS = 1800.0  # the discovery system may have to be built first
_TAIL = 8


@contextlib.contextmanager
def served(settings: Settings, say: Callable[[str], None]) -> Iterator[Callable[[], None]]:
    """Have the admin network served within the context. It gives what raises EnvironmentFault if that ended.

    One that an operator runs is used, and left alone; ours ends with the context, and with us however we end.
    """
    from crowbar.services.lock import serving_pid

    if pid := serving_pid(settings.state):
        say(f"the admin network is served by process {pid}")
        yield lambda: None
        return
    log = settings.state.root / "serve.log"
    # util-linux's setpriv asks the kernel to end it with us: nobody else would, after SIGKILL.
    argv = ["setpriv", "--pdeathsig", "TERM", sys.executable, "-m", "crowbar_cli", "--state-dir"]
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [*argv, str(settings.state.root), "serve"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is ours to pass on
        )

    def check() -> None:
        if process.poll() is not None:
            raise EnvironmentFault(f"crowbar serve ended: {_tail(log)}", hint=f"See {log}.")

    try:
        _wait_until_ready(log, check, say)
        yield check
    finally:
        process.terminate()
        process.wait()


def _wait_until_ready(log: Path, check: Callable[[], None], say: Callable[[str], None]) -> None:
    until, told = time.monotonic() + _SECONDS, ""
    while True:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
        if any(line.startswith(_READY) for line in lines):
            say(next(line for line in lines if line.startswith(_READY)).partition(" Ctrl-C")[0])
            return
        check()
        if time.monotonic() > until:
            raise EnvironmentFault("crowbar serve does not get ready.", hint=f"See {log}.")
        if lines and lines[-1] != told:
            told = lines[-1]
            say(told)
        time.sleep(0.2)


def _tail(log: Path) -> str:
    return " / ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL:])
