"""A container machine, run and watched."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from crowbar.errors import EnvironmentFault
from crowbar.rack import launch
from crowbar.rack.record import Names
from crowbar.rack.virtual import netboot, qemu, wiring
from crowbar.rack.virtual.console import Console
from crowbar.rack.virtual.container import describe, disk, nspawn
from crowbar.rack.virtual.faults import FaultKind
from crowbar.rack.virtual.layout import MachineFolder
from crowbar.rack.virtual.netboot import firmware
from crowbar.rack.virtual.power import Event
from crowbar.rack.virtual.record import MachineRecord, RackRecord
from crowbar.rack.virtual.server import end, spawn

_log = logging.getLogger(__name__)
_PAUSE = 3.0


def names_of(namespace: str, machine: MachineRecord) -> Names:
    """What the container is called on the host."""
    return Names(f"{namespace.removeprefix('crowbar-')}-m{machine.number}")


def release(namespace: str, machine: MachineRecord, folder: MachineFolder) -> None:
    """Take away what a power-on made on the host, however it ended. Raises EnvironmentFault."""
    root = folder.root / "root"
    launch.clean(names_of(namespace, machine), root)
    disk.release((folder.disk, folder.root / qemu.SMALL_DISK), root)
    wiring.unplug(namespace, machine)


class ContainerServer:
    """The machine whose folder this is. Needs a running event loop."""

    def __init__(
        self,
        machine: MachineRecord,
        folder: MachineFolder,
        rack: RackRecord,
        changed: Callable[[], None],
        *,
        kvm: bool,
    ) -> None:
        self._machine = machine
        self._folder = folder
        self._rack = rack
        self._changed = changed
        self._kvm = kvm
        self._process: asyncio.subprocess.Process | None = None
        self._console = Console(folder.console, rack.namespace, machine.serial_port)
        self._fault = FaultKind.NONE

    @property
    def pid(self) -> int:
        """Its firmware's, or systemd-nspawn's; 0 while it does not run."""
        return self._process.pid if self._process else 0

    async def run(self, device: str, fault: FaultKind) -> Event:
        """Run the firmware, then what it boots, until that ends."""
        self._fault = fault
        try:
            await asyncio.to_thread(release, self._rack.namespace, self._machine, self._folder)
            wiring.plug(self._rack, self._machine)
            await self.feel(self._fault)  # which may be another by now
            return await self._boot(device, fault)
        except EnvironmentFault as error:
            _log.warning("%s: %s", self._machine.name, error)
            self._print(str(error))
            return Event.ENDED
        finally:
            await asyncio.to_thread(release, self._rack.namespace, self._machine, self._folder)

    async def _boot(self, device: str, fault: FaultKind) -> Event:
        medium = self._folder.root / qemu.SMALL_DISK if fault is FaultKind.DISK_SMALL else self._folder.disk
        extent = disk.root_of(medium)
        result = firmware.Result()
        if not qemu.boot_order(device).disk or extent is None:
            result = await self._firmware(disk_boots=extent is not None)
        if result.root:
            return await self._discover(result, medium, read_only=fault is FaultKind.DISK_FAILING)
        if extent is None:
            self._print("no bootable device")
            await asyncio.sleep(_PAUSE)
            return Event.REBOOTED
        root = self._folder.root.resolve() / "root"
        root.mkdir(exist_ok=True)
        return await self._nspawn(root, [], lambda argv: disk.mounted(medium.resolve(), extent, root, argv))

    async def _firmware(self, *, disk_boots: bool) -> firmware.Result:
        """What the network has for it. Raises EnvironmentFault when the program ends without saying."""
        machine, root = self._machine, self._folder.root.resolve()
        settings, found = root / "firmware.json", root / "boot.json"
        found.unlink(missing_ok=True)
        firmware.Settings(
            mac=machine.macs[0],
            uuid=machine.uuid,
            serial=machine.serial,
            firmware=machine.firmware,
            disk_boots=disk_boots,
            systems=str(root.parent.parent / "systems"),
            folder=str(root / "fetched"),
            result=str(found),
        ).write(settings)
        argv = [sys.executable, "-m", netboot.__name__, str(settings)]
        await self._live(argv)
        try:
            return firmware.Result.read(found)
        except FileNotFoundError:
            raise EnvironmentFault(f"The firmware ended without a result; see {self._folder.console}.") from None

    async def _discover(self, result: firmware.Result, medium: Path, *, read_only: bool) -> Event:
        words = (*result.words, "crowbar.machine=/etc/crowbar/machine.json")
        told = nspawn.hand_over(self._folder.root, words, describe.description(self._machine, self._rack.bmc, medium))
        device = await asyncio.to_thread(disk.attach, medium, read_only=read_only)
        return await self._nspawn(Path(result.root), ["--volatile=overlay", *told, f"--bind={device}:{describe.DISK}"])

    async def _nspawn(
        self, root: Path, options: list[str], wrapped: Callable[[list[str]], list[str]] = lambda argv: argv
    ) -> Event:
        names = names_of(self._rack.namespace, self._machine)
        space = wiring.namespace_path(self._own_namespace)
        devices = ["/dev/net/tun", *(["/dev/kvm"] if self._kvm else [])]
        bound = [f"--bind={device}" for device in devices]
        argv = nspawn.argv(names, self._machine, root, space, [*bound, *options])
        status = await self._live(nspawn.in_own_cgroup(names, wrapped(argv)))
        return Event.REBOOTED if status == nspawn.REBOOT_STATUS else Event.ENDED

    @property
    def _own_namespace(self) -> str:
        return wiring.machine_namespace(self._rack.namespace, self._machine)

    async def _live(self, argv: list[str]) -> int:
        """Run it until it ends; its status. The machine's namespace also decides whose network /sys shows."""
        terminal = self._console.terminal
        process = await spawn(self._own_namespace, argv, self._folder.root, terminal, terminal)
        self._process = process
        self._changed()
        try:
            return await process.wait()
        finally:
            await end(process)
            self._process = None

    def _print(self, text: str) -> None:
        os.write(self._console.terminal, f"{text}\r\n".encode())

    async def ask(self) -> None:
        """Ask its init to shut down."""
        if self._process and self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)

    async def feel(self, fault: FaultKind) -> None:
        """Unplug or plug in the first cable; stand still or go on."""
        self._fault = fault
        wiring.set_port(self._rack.namespace, self._machine, up=fault is not FaultKind.NIC_DOWN)
        if self._process and self._process.returncode is None:
            _freeze(self._process.pid, frozen=fault is FaultKind.NODE_HANG)


def _freeze(pid: int, *, frozen: bool) -> None:
    """Stop or go on: the program, and, where it is a container, all in its cgroup."""
    os.kill(pid, signal.SIGSTOP if frozen else signal.SIGCONT)
    with suppress(OSError):
        lines = Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8").splitlines()
        unified = next(line.partition("::")[2] for line in lines if line.startswith("0::"))
        if not unified.endswith("/supervisor"):  # systemd-nspawn's own, beside its payload
            return
        for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
            place, _, kind = line.partition(" - ")
            if kind.startswith("cgroup2 "):
                payload = Path(place.split()[4]) / unified.strip("/").removesuffix("supervisor") / "payload"
                (payload / "cgroup.freeze").write_text(str(int(frozen)), encoding="ascii")
