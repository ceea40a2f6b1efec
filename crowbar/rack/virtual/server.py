"""What the supervisor asks of a machine, whatever it is made of; and how programs of a rack are run."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import Process
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from crowbar.rack.virtual.faults import FaultKind
from crowbar.rack.virtual.power import Event
from crowbar.rack.virtual.wiring import namespace_path


class Server(Protocol):
    """The machine behind a BMC, without its power's logic."""

    @property
    def pid(self) -> int:
        """Its process; 0 while it does not run."""

    async def run(self, device: str, fault: FaultKind) -> Event:
        """Start it from that boot device, and wait for how it ends. Cancelled, its power is cut at once."""

    async def ask(self) -> None:
        """Ask its operating system to shut down."""

    async def feel(self, fault: FaultKind) -> None:
        """Have the fault, of those that show while it runs; NONE lifts them."""


async def spawn(namespace: str, argv: list[str], folder: Path, output: int, given: int = -1) -> Process:
    """Run a program in that network namespace and in ``folder``, with these descriptors for what it prints and reads.

    It ends when we do, even by SIGKILL: the supervisor is what gives the rack its power.
    """
    enter = ["nsenter", f"--net={namespace_path(namespace)}", "setpriv", "--pdeathsig=KILL", "--"]
    stdin = asyncio.subprocess.DEVNULL if given < 0 else given
    return await asyncio.create_subprocess_exec(
        *enter, *argv, cwd=folder, stdin=stdin, stdout=output, stderr=output, start_new_session=True
    )


async def spawn_logged(namespace: str, argv: list[str], folder: Path, log: Path) -> Process:
    """Likewise; what it prints is added to the file ``log``."""
    with log.open("ab") as output:
        return await spawn(namespace, argv, folder, output.fileno())


async def end(process: Process) -> None:
    """Kill it, if it runs, and wait until it is gone."""
    if process.returncode is None:
        with suppress(ProcessLookupError):  # it ended by itself a moment ago
            process.kill()
        await process.wait()
