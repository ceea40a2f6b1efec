"""The supervisor from outside: started so that it outlives us, looked for, and ended."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from crowbar.errors import EnvironmentFault
from crowbar.rack.host import run, runs_systemd, tried
from crowbar.rack.virtual.layout import RackFolder
from crowbar_inventory.probe import able, kvm

_STARTED_AFTER = 30.0
_ENDED_AFTER = 60.0
_LAST_LINES = 5


def running(rack: RackFolder) -> int:
    """The supervisor's process id; 0 where none runs. The lock says so, which the kernel takes from the dead."""
    try:
        with rack.supervisor_lock.open(encoding="utf-8") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(lock.read().strip() or "0")
    except FileNotFoundError:
        pass
    return 0


def start(rack: RackFolder) -> None:
    """Have a supervisor, and return when it runs. Raises EnvironmentFault with its last words when it does not."""
    if running(rack):
        return
    # It is found out here, as that takes a process which would outlive a supervisor that is killed meanwhile.
    accelerator = "kvm" if Path("/dev/kvm").exists() and able(kvm) else "tcg"
    argv = [sys.executable, "-m", "crowbar.rack.virtual.supervisor", str(rack.root), accelerator]
    if runs_systemd():
        unit = _unit(rack)
        tried("systemctl", "reset-failed", unit)
        output = [f"--property=Standard{stream}=append:{rack.log}" for stream in ("Output", "Error")]
        limits = ("KillMode=mixed", "TasksMax=infinity", "OOMScoreAdjust=-500")
        properties = [f"--property={setting}" for setting in limits]
        run("systemd-run", "--quiet", "--collect", f"--unit={unit}", *output, *properties, "--", *argv)
    else:
        with rack.log.open("ab") as log:
            words = ["setsid", "--fork", *argv]
            subprocess.run(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True)
    _wait_started(rack)


def _unit(rack: RackFolder) -> str:
    return f"crowbar-rack-{rack.tag}.service"


def _wait_started(rack: RackFolder) -> None:
    until = time.monotonic() + _STARTED_AFTER
    while not running(rack):
        if time.monotonic() > until:
            last = rack.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
            raise EnvironmentFault("\n".join(["The rack's supervisor did not start.", *last]), hint=f"See {rack.log}.")
        time.sleep(0.05)


def stop(rack: RackFolder) -> None:
    """End the supervisor, and with it all that it runs; by force if it must be."""
    if pid := running(rack):
        _end(pid, rack)


def _end(pid: int, rack: RackFolder) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        # Held by the descriptor, the id cannot be another's now; the lock is looked at once more.
        for number in (signal.SIGTERM, signal.SIGKILL):
            if running(rack) != pid:
                return
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
            if select.select([handle], [], [], _ENDED_AFTER)[0]:
                return
    finally:
        os.close(handle)
    raise EnvironmentFault(f"The rack's supervisor, process {pid}, cannot be ended.")


def clear(namespaces: Iterable[str]) -> None:
    """Kill what is left in the rack's network namespaces; there are only programs of the rack's."""
    until = time.monotonic() + _ENDED_AFTER
    for namespace in namespaces:
        while pids := run("ip", "netns", "pids", namespace).split():
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            if time.monotonic() > until:
                raise EnvironmentFault(f"Processes of the rack cannot be ended: {', '.join(pids)}.")
            time.sleep(0.05)
