"""A virtual machine: QEMU, run and watched."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from crowbar.rack.virtual import qemu
from crowbar.rack.virtual.console import Console
from crowbar.rack.virtual.faults import FaultKind
from crowbar.rack.virtual.layout import MachineFolder
from crowbar.rack.virtual.power import Event
from crowbar.rack.virtual.qmp import Qmp
from crowbar.rack.virtual.record import Firmware, MachineRecord
from crowbar.rack.virtual.server import end, spawn_logged

_log = logging.getLogger(__name__)
_GIB = 1 << 30
_SMALL = 64 << 20


def make_disks(machine: MachineRecord, folder: MachineFolder) -> None:
    """Make what the machine stores things in; what is there stays as it is."""
    small = folder.root / qemu.SMALL_DISK
    for path, size in ((folder.disk, machine.disk_gib * _GIB), (small, _SMALL)):
        if not path.exists():
            with path.open("xb") as file:
                file.truncate(size)
    variables = folder.root / "efi-vars.fd"
    if machine.firmware is Firmware.UEFI and not variables.exists():
        shutil.copyfile(qemu.OVMF_VARS, variables)


class VirtualMachine:
    """The machine whose folder this is; the current folder is the rack's, to keep the socket's name short.

    Needs a running event loop.
    """

    def __init__(
        self,
        machine: MachineRecord,
        folder: MachineFolder,
        namespace: str,
        changed: Callable[[], None],
        *,
        kvm: bool,
    ) -> None:
        self._machine = machine
        self._changed = changed
        self._folder = folder
        self._namespace = namespace
        self._kvm = kvm
        self._process: asyncio.subprocess.Process | None = None
        self._qmp: Qmp | None = None
        self._fault = FaultKind.NONE
        self._console = Console(folder.console, namespace, machine.serial_port)

    @property
    def pid(self) -> int:
        """QEMU's; 0 while it does not run."""
        return self._process.pid if self._process else 0

    async def run(self, device: str, fault: FaultKind) -> Event:
        """Start QEMU, and wait until the guest or QEMU ends."""
        self._fault = fault
        order = qemu.boot_order(device)
        argv = qemu.argv(self._machine, order, self._console.path, kvm=self._kvm, fault=fault)
        socket = self._folder.root / "qmp.sock"
        socket.unlink(missing_ok=True)
        process = await spawn_logged(self._namespace, argv, self._folder.root, self._folder.root / "qemu.log")
        self._process = process
        self._changed()
        watching = asyncio.create_task(self._watch(socket))
        gone = asyncio.create_task(process.wait())
        try:
            await asyncio.wait({watching, gone}, return_when=asyncio.FIRST_COMPLETED)
            if gone.done():
                _log.warning("%s: QEMU ended with status %s", self._machine.name, process.returncode)
            verdict = Event.ENDED if gone.done() and not watching.done() else watching.result()
        finally:
            await self._clear(process, watching, gone)
        return verdict

    async def _clear(self, process: asyncio.subprocess.Process, *tasks: asyncio.Task[object]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await end(process)
        self._process = None

    async def _watch(self, socket: Path) -> Event:
        """How the guest ends: as QEMU says, or, where it says nothing, as if it had been switched off."""
        try:
            self._qmp = await Qmp.connect(socket)
            try:
                await self.feel(self._fault)  # which may be another by now
                async for message in self._qmp.events():
                    if message.get("event") == "SHUTDOWN":
                        return Event.REBOOTED if message["data"]["reason"] == "guest-reset" else Event.ENDED
            finally:
                qmp, self._qmp = self._qmp, None
                await qmp.close()
        except (OSError, ValueError) as error:
            _log.warning("%s: no word from QEMU: %s", self._machine.name, error)
        return Event.ENDED

    async def ask(self) -> None:
        """Press the power button."""
        if self._qmp:
            await self._qmp.send("system_powerdown")

    async def feel(self, fault: FaultKind) -> None:
        """Unplug or plug in the first cable; stand still or go on."""
        self._fault = fault
        if self._qmp:
            await self._qmp.send("set_link", name="nic0", up=fault is not FaultKind.NIC_DOWN)
        if self._process and self._process.returncode is None:
            os.kill(self._process.pid, signal.SIGSTOP if fault is FaultKind.NODE_HANG else signal.SIGCONT)
