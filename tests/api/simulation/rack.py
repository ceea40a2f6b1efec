"""The test's side: the admin node's process, killed and started as it wishes, and the servers in an event loop."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from crowbar.store.machine_model import Machine, Network
from crowbar.store.store import Store, open_store
from tests.api.simulation.admin import CREDENTIAL
from tests.api.simulation.bmcs import followed
from tests.api.simulation.hardware import mac, uuid
from tests.api.simulation.server import Server
from tests.inventory.bmc.simulator import Simulator

Result = TypeVar("Result")
ROOT = Path(__file__).parents[3]
OFF = {"power": "off", "device": "default"}


@dataclass
class Rack:
    """Servers, their BMCs' state (which outlives the admin node), and the admin node."""

    folder: Path
    store: Store
    loop: asyncio.AbstractEventLoop
    servers: dict[str, Server]
    settings: dict[str, Any]
    nursery: subprocess.Popen[str]
    simulators: Mapping[str, Simulator]
    bmcs: dict[str, dict[str, str]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    port: int = 0
    pid: int = 0
    _told: queue.SimpleQueue[list[str]] = field(default_factory=queue.SimpleQueue)

    def start(self) -> None:
        """The admin node starts; it comes back when it listens."""
        listed = [{"name": name, **self.bmcs.get(name, OFF)} for name in self.servers if name not in self.simulators]
        faults = [{"name": name, "fault": fault} for name, fault in self.faults.items()]
        told = {"bmcs": listed, "faults": faults, "port": self.port, **self.settings}
        (self.folder / "admin.json").write_text(json.dumps(told))
        self._say("start")
        self.pid, self.port = map(int, self._told.get(timeout=60))

    def kill(self) -> None:
        """SIGKILL, at whatever it is. What its BMCs had done by then, they have done."""
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            self.pid = 0
            self._told.get(timeout=60)

    def have(self, name: str, fault: str) -> None:
        """Its BMC is at fault from now on."""
        self.faults[name] = fault
        if self.pid:
            self._say("have", name, fault)

    def mend(self, name: str) -> None:
        """Not any more."""
        self._say("mend", name, self.faults.pop(name))

    def call(self, work: Callable[..., None], *given: Any) -> None:
        """Have it done in the servers' loop."""
        self.loop.call_soon_threadsafe(work, *given)

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Have it done in the servers' loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def await_that(self, so: Callable[[], bool], seconds: float = 60, every: float = 0.05) -> bool:
        """Wait until it is so; False if it is not after so long."""
        until = time.monotonic() + seconds
        while not so():
            if time.monotonic() > until:
                return False
            time.sleep(every)
        return True

    def memory(self) -> int:
        """The most memory that the admin node's process has had, in KiB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0])

    def cpu(self) -> float:
        """The CPU time that the admin node's process has used, in seconds."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def follow(self) -> None:
        """Hear what the admin node's processes tell, to the end of the last one."""
        for line in self.nursery.stdout or ():
            what, *words = line.split()
            if what == "power":
                name, power, device = words
                self.bmcs[name] = {"power": power, "device": "default" if power == "on" else device}
                self.obeyed(name, power == "on", device)
            else:
                self._told.put(words)

    def obeyed(self, name: str, on: bool, device: str) -> None:
        """Its BMC has given it power, or taken it."""
        self.call(self.servers[name].power, on, device, self.port)

    def _say(self, *words: str) -> None:
        assert self.nursery.stdin is not None
        self.nursery.stdin.write(f"{' '.join(words)}\n")
        self.nursery.stdin.flush()


@contextmanager
def rack(
    folder: Path,
    servers: Iterable[Server],
    *,
    latency: tuple[float, float] = (0.0, 0.0),
    poll: float = 20.0,
    simulators: Mapping[str, Simulator] | None = None,
    **more: Any,
) -> Iterator[Rack]:
    """Servers that are off, each with a BMC that Crowbar knows. The admin node is not started yet.

    BMCs are fakes, but for those that are ``simulators``, by their servers' names.
    """
    real = simulators or {}
    by_name = {one.name: one for one in servers}
    loop = asyncio.new_event_loop()
    argv, pipe = [sys.executable, "-m", "tests.api.simulation.admin", str(folder)], subprocess.PIPE
    with (
        open_store(f"sqlite:///{folder}/crowbar.db", folder / "secret.key") as store,
        subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as nursery,
    ):
        store.networks.save(Network("admin", "127.0.0.0/8", ranges={"host": ("127.0.20.1", "127.0.40.1")}))
        for name, server in by_name.items():
            _remember(store, name, server.number, real.get(name))
        made = Rack(folder, store, loop, by_name, {"latency": latency, "poll": poll, **more}, nursery, real)
        threads = [threading.Thread(target=work) for work in (loop.run_forever, made.follow)]
        for thread in threads:
            thread.start()
        try:
            with followed(real, made.obeyed):
                yield made
        finally:
            made.kill()
            made.run(_end(by_name))
            nursery.communicate()
            loop.call_soon_threadsafe(loop.stop)
            for thread in threads:
                thread.join()
            loop.close()


def _remember(store: Store, name: str, number: int, simulator: Simulator | None) -> None:
    bmc = f"ipmi://{simulator.host}:{simulator.port}" if simulator else f"fake://{name}"
    store.machines.save(Machine(name, bmc, uuid(number), f"S{number}", (mac(number),), approved=True))
    store.bmc_credentials.put(name, simulator.credential if simulator else CREDENTIAL)


async def _end(servers: Mapping[str, Server]) -> None:
    tasks = [server.runs for server in servers.values() if server.runs is not None]
    for server in servers.values():
        server.off()
    await asyncio.gather(*tasks, return_exceptions=True)
