"""The process that gives a rack its power: `python -m crowbar.rack.virtual.supervisor FOLDER kvm|tcg`.

Everything that runs of the rack's machines is its child and ends with it. It listens to one FIFO, of which each line
is an order to one machine; who may write to it is root.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from crowbar.errors import EnvironmentFault
from crowbar.rack.virtual import record as records
from crowbar.rack.virtual.bmc.simulator import Simulator
from crowbar.rack.virtual.container.machine import ContainerServer
from crowbar.rack.virtual.faults import Fault
from crowbar.rack.virtual.layout import RackFolder
from crowbar.rack.virtual.orders import Order, parse_orders
from crowbar.rack.virtual.power import Event
from crowbar.rack.virtual.record import Kind, MachineRecord, RackRecord
from crowbar.rack.virtual.server import Server
from crowbar.rack.virtual.unit import Starts, Unit
from crowbar.rack.virtual.vm import VirtualMachine

_log = logging.getLogger(__name__)
STARTS_A_CORE = 2
START_SECONDS = 15.0
_MOST_CONSOLE = 64 << 20  # a guest that prints without end shall not fill the host's disk
_SWEEP_SECONDS = 30.0
_SINCE_PIDFD = (3, 12)


class Supervisor:
    """All units of a rack; more are added when its record has more machines."""

    def __init__(self, rack: RackFolder, *, use_kvm: bool) -> None:
        self._rack = rack
        self._kvm = use_kvm
        self._starts = Starts(STARTS_A_CORE * len(os.sched_getaffinity(0)), START_SECONDS)
        self._units: dict[str, Unit] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._unread = b""

    async def run(self) -> None:
        """Until it is told to stop by SIGTERM or SIGINT."""
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        # Open for writing too, it never comes to an end.
        orders = os.open(self._rack.orders, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        loop.add_reader(orders, self._read, orders)
        try:
            self._add_machines()
            while not stopped.is_set():
                self._sweep()
                with_deadline = asyncio.wait_for(stopped.wait(), _SWEEP_SECONDS)
                await asyncio.gather(with_deadline, return_exceptions=True)
        finally:
            loop.remove_reader(orders)
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            os.close(orders)

    def _add_machines(self) -> None:
        rack = records.load(self._rack.root)
        for machine in rack.machines:
            if machine.name not in self._units:
                unit = self._unit(machine, rack)
                self._units[machine.name] = unit
                task = asyncio.create_task(unit.run())
                task.add_done_callback(partial(_report, machine.name))
                self._tasks.append(task)

    def _unit(self, machine: MachineRecord, rack: RackRecord) -> Unit:
        folder = self._rack.machine(machine.name)

        def server(changed: Callable[[], None]) -> Server:
            if machine.kind is Kind.CONTAINER:
                return ContainerServer(machine, folder, rack, changed, kvm=self._kvm)
            return VirtualMachine(machine, folder, rack.namespace, changed, kvm=self._kvm)

        return Unit(folder, self._starts, server, lambda changed: Simulator(folder, rack.namespace, changed))

    def _read(self, orders: int) -> None:
        try:
            data = self._unread + os.read(orders, 65536)
        except BlockingIOError:
            return
        found, self._unread = parse_orders(data)
        for order in found:
            self._obey(order)

    def _obey(self, order: Order) -> None:
        if order.what == "reload":
            try:
                self._add_machines()
            except EnvironmentFault as error:
                _log.warning("%s", error)
            return
        unit = self._units.get(order.machine)
        if unit is None:
            _log.warning("an order to %r, which is no machine", order.machine)
        elif isinstance(order.what, (Event, Fault)):
            unit.tell(order.what)
        else:
            unit.identify(order.what)

    def _sweep(self) -> None:
        for name in self._units:
            console = self._rack.machine(name).console
            if console.exists() and console.stat().st_size > _MOST_CONSOLE:
                os.truncate(console, 0)


def _report(name: str, task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        _log.error("%s: its supervision ended", name, exc_info=task.exception())


def main(folder: Path, *, use_kvm: bool) -> int:
    """Supervise the rack in that folder. 3 if it is supervised already."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    rack = RackFolder(folder.resolve())
    with rack.supervisor_lock.open("a+", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return 3
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        os.chdir(rack.root)
        _log.info("the rack has power; virtual machines run by %s", "KVM" if use_kvm else "TCG")
        if sys.version_info < _SINCE_PIDFD:  # later ones do so by themselves: no thread for each process
            asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
        asyncio.run(Supervisor(RackFolder(Path()), use_kvm=use_kvm).run())
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), use_kvm=sys.argv[2] == "kvm"))
