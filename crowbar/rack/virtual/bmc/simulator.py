"""OpenIPMI's simulator as a process: started, kept running, and made to have faults."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

from crowbar.rack.virtual import qemu
from crowbar.rack.virtual.bmc import config
from crowbar.rack.virtual.bmc.fru import fru
from crowbar.rack.virtual.faults import FaultKind
from crowbar.rack.virtual.layout import MachineFolder
from crowbar.rack.virtual.record import LinkRecord, MachineRecord
from crowbar.rack.virtual.server import end, spawn_logged

_log = logging.getLogger(__name__)
_PROGRAMS = ("chassis", "lan-settings")
_SECRET = ("lan.conf", "lan-refusing.conf")
_FIRST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
_STEADY = 30.0  # one that ran so long is started again at once


def write_files(machine: MachineRecord, folder: MachineFolder, network: LinkRecord) -> None:
    """Write what the simulator is started with."""
    folder.bmc_state.mkdir(exist_ok=True)
    (folder.root / "refusing").mkdir(exist_ok=True)
    for name, password in zip(_SECRET, (machine.bmc.password, secrets.token_hex(8)), strict=True):
        path = folder.root / name
        path.unlink(missing_ok=True)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(config.lan_conf(machine, password))
    (folder.root / "emulator.conf").write_text(config.emulator(machine), encoding="utf-8")
    (folder.root / "lan-values").write_text(config.lan_values(machine, network), encoding="utf-8")
    board = fru(vendor=qemu.VENDOR, product=qemu.PRODUCT, serial=machine.serial, asset=machine.position)
    (folder.root / "fru.bin").write_bytes(board)
    for program in _PROGRAMS:
        shutil.copy(Path(__file__).with_name(program), folder.root / program)
        (folder.root / program).chmod(0o755)


class Simulator:
    """A machine's BMC. ``changed`` is called whenever its process is another."""

    def __init__(self, folder: MachineFolder, namespace: str, changed: Callable[[], None]) -> None:
        self._folder = folder
        self._namespace = namespace
        self._changed = changed
        self._fault = FaultKind.NONE
        self._powered = asyncio.Event()
        self._powered.set()
        self._process: asyncio.subprocess.Process | None = None
        self.starts = 0

    @property
    def pid(self) -> int:
        """Its process; 0 while it does not run."""
        return self._process.pid if self._process else 0

    async def run(self) -> None:
        """Have it running for ever; cancelled, end it."""
        loop = asyncio.get_running_loop()
        pause = _FIRST_PAUSE
        while True:
            await self._powered.wait()
            begun = loop.time()
            await self._once()
            if not self._powered.is_set():
                continue
            pause = _FIRST_PAUSE if loop.time() - begun > _STEADY else min(pause * 2, _LONGEST_PAUSE)
            await asyncio.sleep(pause)

    async def _once(self) -> None:
        refusing = self._fault is FaultKind.BMC_REFUSES
        settings, state = ("lan-refusing.conf", "refusing") if refusing else ("lan.conf", "bmc")
        argv = ["ipmi_sim", "-n", "-c", settings, "-f", "emulator.conf", "-s", state]
        process = await spawn_logged(self._namespace, argv, self._folder.root, self._folder.root / "bmc.log")
        self._process = process
        self.starts += 1
        try:
            self._stand_still()
            self._changed()
            status = await process.wait()
            _log.warning("%s: the BMC's simulator ended with status %s", self._folder.root.name, status)
        finally:
            await end(process)
            self._process = None
        self._changed()

    def feel(self, fault: FaultKind) -> None:
        """Have the fault, and no other."""
        before, self._fault = self._fault, fault
        if fault is FaultKind.POWER_CUT:
            self._powered.clear()
        else:
            self._powered.set()
        anew = (FaultKind.BMC_REFUSES, FaultKind.POWER_CUT)
        if before is not fault and (before in anew or fault in anew) and self._process:
            self._send(signal.SIGKILL)
        else:
            self._stand_still()

    def _stand_still(self) -> None:
        self._send(signal.SIGSTOP if self._fault is FaultKind.BMC_HANG else signal.SIGCONT)

    def _send(self, number: signal.Signals) -> None:
        if self._process and self._process.returncode is None:
            os.kill(self._process.pid, number)  # it is not waited for yet: the id is its own
