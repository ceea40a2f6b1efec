"""BMCs made of memory, a real implementation: with latency, with faults, and the same again for the same seed.

``fake://NAME`` addresses one of this process's ``FAKES``. A simulation of a thousand servers adds them there and has
itself told of their power (``on_power``); everything between it and the operator is then the product's own.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from crowbar_inventory.bmc.model import (
    Bmc,
    BmcAddress,
    BmcBusyError,
    BmcLanSettings,
    BmcRefusedError,
    BmcUnreachableError,
    BootDevice,
    Console,
    Credential,
    Power,
    PowerAction,
    Sensor,
)
from crowbar_inventory.bmc.power import await_power, command_for

_DEFAULT_CREDENTIAL = Credential("admin", "secret")


class Fault(StrEnum):
    """What can be wrong with a fake."""

    HANG = "hang"  # no answer at all
    LIE = "lie"  # orders are acknowledged and not obeyed
    REFUSE = "refuse"  # the password is not the right one any more
    BUSY = "busy"  # it cannot do it now


@dataclass
class FakeServer:
    """One server with its BMC. Faults stay until they are lifted, or for so many requests."""

    name: str
    credential: Credential = _DEFAULT_CREDENTIAL
    latency: tuple[float, float] = (0.0, 0.0)  # seconds of an answer: the least and the most
    drop: float = 0.0  # the part of all requests that get no answer
    seed: int = 0
    power: Power = Power.OFF
    boot_device: BootDevice = BootDevice.DEFAULT
    uefi: bool = False
    serial: str = ""
    identifying: int = 0
    on_power: Callable[[FakeServer, PowerAction], None] = lambda _server, _action: None
    orders: list[str] = field(default_factory=list)
    typed: bytearray = field(default_factory=bytearray)  # keystrokes that came by the console
    _faults: dict[Fault, int | None] = field(default_factory=dict)
    _output: bytearray = field(default_factory=bytearray)
    _lock: threading.Condition = field(default_factory=threading.Condition, repr=False)

    def __post_init__(self) -> None:
        self._chance = random.Random(f"{self.seed}:{self.name}")  # noqa: S311 # chance, not a secret

    @property
    def address(self) -> BmcAddress:
        """``fake://NAME``."""
        return BmcAddress("fake", self.name, 0)

    def have(self, fault: Fault, times: int | None = None) -> None:
        """Have the fault for the next ``times`` requests; for all until ``mend`` by default."""
        with self._lock:
            self._faults[fault] = times

    def mend(self, *faults: Fault) -> None:
        """Lift these faults; all of them by default."""
        with self._lock:
            for fault in faults or tuple(Fault):
                self._faults.pop(fault, None)

    def say(self, output: bytes) -> None:
        """Have the server write to its serial console."""
        with self._lock:
            self._output += output
            self._lock.notify_all()

    def answer(self, credential: Credential, limit: float) -> None:
        """Be as slow and as broken as it is, for one request. Raises BmcError."""
        with self._lock:
            lost = self._has(Fault.HANG) or self._chance.random() < self.drop
            delay = self._chance.uniform(*self.latency)
            refused = credential != self.credential or self._has(Fault.REFUSE)
            busy = not refused and self._has(Fault.BUSY)
        if lost or delay > limit:
            time.sleep(limit)
            raise BmcUnreachableError("the BMC does not answer")
        if delay:
            time.sleep(delay)
        if refused:
            raise BmcRefusedError("the BMC does not accept the user or the password")
        if busy:
            raise BmcBusyError("the BMC cannot do this now")

    def obey(self, order: str, change: Callable[[], None]) -> None:
        """Note the order, and do it, unless this BMC lies."""
        with self._lock:
            self.orders.append(order)
            if not self._has(Fault.LIE):
                change()

    def hear(self, timeout: float) -> bytes:
        """What the server wrote to its console."""
        with self._lock:
            self._lock.wait_for(lambda: bool(self._output), timeout)
            output = bytes(self._output)
            self._output.clear()
            return output

    def _has(self, fault: Fault) -> bool:
        if fault not in self._faults:
            return False
        left = self._faults[fault]
        if left is not None:
            self._faults[fault] = left - 1
            if left <= 1:
                del self._faults[fault]
        return left is None or left > 0


class FakeBmc:
    """A login to a fake server's BMC."""

    def __init__(self, server: FakeServer, credential: Credential, limit: float) -> None:
        self._server, self._credential, self._limit = server, credential, limit

    def login(self) -> None:
        """As the real ones: BmcError if it does not let us in."""
        self._server.answer(self._credential, self._limit)

    def power(self) -> Power:
        """The power now."""
        self.login()
        return self._server.power

    def set_power(self, action: PowerAction, *, wait: float = 0) -> Power:
        """Order it; see the protocol."""
        server = self._server
        command, wanted = command_for(action, self.power())
        if command is not None:
            self.login()
            server.obey(f"power {command}", lambda: setattr(server, "power", wanted))
            if server.power is wanted:
                server.on_power(server, command)
        return await_power(self.power, wanted, action, wait) if wait > 0 else self.power()

    def set_boot_device(self, device: BootDevice, *, uefi: bool = False) -> None:
        """For the next boot only: whoever simulates that boot sets it back."""
        self.login()

        def change() -> None:
            self._server.boot_device, self._server.uefi = device, uefi

        self._server.obey(f"boot {device}{' uefi' if uefi else ''}", change)

    def identify(self, seconds: int) -> None:
        """Have the identify light on for so long."""
        self.login()
        self._server.obey(f"identify {seconds}", lambda: setattr(self._server, "identifying", seconds))

    def sensors(self) -> Sequence[Sensor]:
        """One temperature."""
        self.login()
        return [Sensor("CPU Temp", "Temperature", 42.0, "°C", "ok")]

    def fru(self) -> Mapping[str, str]:
        """What it was made with."""
        self.login()
        return {"manufacturer": "Crowbar", "product": "fake", "serial": self._server.serial or self._server.name}

    def firmware(self) -> str:
        """Always the same."""
        self.login()
        return "1.00"

    def lan(self) -> BmcLanSettings:
        """None to speak of."""
        self.login()
        return BmcLanSettings()

    def users(self) -> Mapping[int, str]:
        """The one there is."""
        self.login()
        return {2: self._server.credential.username}

    def console(self) -> Console:
        """What ``say`` writes, and ``typed`` keeps."""
        self.login()
        return _FakeConsole(self._server)

    def close(self) -> None:
        """Nothing is open."""


class _FakeConsole:
    def __init__(self, server: FakeServer) -> None:
        self._server = server
        self._closed = False

    def read(self, timeout: float) -> bytes:
        self._check()
        return self._server.hear(timeout)

    def write(self, data: bytes) -> None:
        self._check()
        self._server.typed += data

    def close(self) -> None:
        self._closed = True

    def _check(self) -> None:
        if self._closed:
            raise BmcUnreachableError("the console was closed")


class FakeRack:
    """The fakes of a process, by name."""

    def __init__(self) -> None:
        self._servers: dict[str, FakeServer] = {}

    def __iter__(self) -> Iterator[FakeServer]:
        return iter(tuple(self._servers.values()))

    def add(self, server: FakeServer) -> FakeServer:
        """Have its address lead to it."""
        if server.name in self._servers:
            raise ValueError(f"there is a fake {server.name} already")
        self._servers[server.name] = server
        return server

    def clear(self) -> None:
        """Forget all."""
        self._servers.clear()

    def login(self, name: str, credential: Credential, *, limit: float) -> Bmc:
        """The driver for that name. Raises BmcError."""
        server = self._servers.get(name)
        if server is None:
            raise BmcUnreachableError(f"fake://{name}: this process has no such BMC")
        bmc = FakeBmc(server, credential, limit)
        bmc.login()
        return bmc


FAKES = FakeRack()
