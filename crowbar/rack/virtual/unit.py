"""One machine under supervision: its BMC, its power, its faults, and what is written down of them."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crowbar.rack.virtual.bmc.simulator import Simulator
from crowbar.rack.virtual.faults import Fault, FaultKind
from crowbar.rack.virtual.layout import MachineFolder
from crowbar.rack.virtual.power import Action, Event, decide
from crowbar.rack.virtual.server import Server

_log = logging.getLogger(__name__)


class Starts:
    """Lets so many machines start at once: more would all be late."""

    def __init__(self, limit: int, seconds: float) -> None:
        self._free = asyncio.Semaphore(limit)
        self._seconds = seconds

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Wait for one's turn. It is over after some seconds, or at the end of the block if that is sooner."""
        await self._free.acquire()
        held = True

        def over() -> None:
            nonlocal held
            if held:
                held = False
                self._free.release()

        timer = asyncio.get_running_loop().call_later(self._seconds, over)
        try:
            yield
        finally:
            timer.cancel()
            over()


@dataclass(frozen=True)
class Outcome:
    """How one of a machine's lives, from power-on to its end, ended by itself."""

    event: Event
    life: int


class Unit:
    """A machine. `tell` gives it orders, `run` carries them out one after the other until it is cancelled.

    ``make_server`` and ``make_simulator`` get a function to call when a process of theirs is another.
    """

    def __init__(
        self,
        folder: MachineFolder,
        starts: Starts,
        make_server: Callable[[Callable[[], None]], Server],
        make_simulator: Callable[[Callable[[], None]], Simulator],
    ) -> None:
        self._folder = folder
        self._starts = starts
        self._server = make_server(self._write)
        self._simulator = make_simulator(self._write)
        self._on = False
        self._fault = Fault()
        self._identify_until = 0.0
        self._booted = ""
        self._lives = 0
        self._life: asyncio.Task[None] | None = None
        self._orders: asyncio.Queue[Event | Fault | Outcome] = asyncio.Queue()

    def tell(self, order: Event | Fault | Outcome) -> None:
        """Have it done soon."""
        self._orders.put_nowait(order)

    def identify(self, seconds: int) -> None:
        """Have the light on for so long."""
        self._identify_until = time.time() + seconds
        self._write()

    async def run(self) -> None:
        """Power the BMC, and carry out orders. However this ends, nothing of the machine runs any more."""
        with suppress(FileNotFoundError):
            await self._have(Fault.parse(self._folder.fault.read_text(encoding="utf-8")))
        self._tell_power()
        bmc = asyncio.create_task(self._simulator.run())
        try:
            while True:
                await self._carry_out(await self._orders.get())
                self._write()
                if self._orders.empty():  # else the BMC's own answer to a newer order is right
                    self._tell_power()
        finally:
            await _cancelled(bmc)
            await self._cut()

    async def _carry_out(self, order: Event | Fault | Outcome) -> None:
        if isinstance(order, Fault):
            await self._have(order)
        elif isinstance(order, Event):
            await self._power(order)
        elif order.life == self._lives:  # an earlier life's end is no news
            await self._power(order.event)

    async def _power(self, event: Event) -> None:
        self._on, actions = decide(self._on, event)
        for action in actions:
            _log.info("%s: %s, so %s", self._folder.root.name, event, action)
            if action is Action.START:
                self._lives += 1
                self._life = asyncio.create_task(self._live(self._lives))
            elif action is Action.KILL:
                await self._cut()
            else:
                await self._server.ask()

    async def _live(self, life: int) -> None:
        event = Event.ENDED
        try:
            async with self._starts.slot():
                self._booted = self._take_boot_device()
                self._write()
                event = await self._server.run(self._booted, self._fault.kind)
        except OSError:
            _log.exception("%s: it cannot be started", self._folder.root.name)
        self.tell(Outcome(event, life))

    async def _cut(self) -> None:
        if self._life:
            await _cancelled(self._life)
            self._life = None

    async def _have(self, fault: Fault) -> None:
        self._fault = Fault() if fault.over(time.time()) else fault
        kind = self._fault.kind
        _log.info("%s: fault %s", self._folder.root.name, kind)
        (self._folder.root / "said").unlink(missing_ok=True)
        if kind is FaultKind.POWER_CUT:
            await self._cut()
            self._on = False
        self._simulator.feel(kind)
        await self._server.feel(kind)
        _replace(self._folder.fault, f"{self._fault.text()}\n")  # last: whoever set it waits for this
        if self._fault.until:
            asyncio.get_running_loop().call_later(self._fault.until - time.time(), self._lift, self._fault)

    def _lift(self, fault: Fault) -> None:
        if self._fault == fault:
            self.tell(Fault())

    def _take_boot_device(self) -> str:
        device = self._folder.boot.read_text(encoding="utf-8").strip()
        _replace(self._folder.boot, "none\n")
        return device

    def _tell_power(self) -> None:
        """Have the BMC say what is so."""
        _replace(self._folder.power, f"{int(self._on)}\n")

    def _write(self) -> None:
        """Write down how it is, for `crowbar rack status`."""
        state = {
            "power": "on" if self._on else "off",
            "pid": self._server.pid,
            "bmc_pid": self._simulator.pid,
            "bmc_starts": self._simulator.starts,
            "booted": self._booted,
            "fault": self._fault.kind,
            "fault_until": self._fault.until,
            "identify_until": self._identify_until,
        }
        _replace(self._folder.state, json.dumps(state) + "\n")


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
