"""The test's side: the admin node's process, killed and started as it wishes, and the servers in an event loop."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from crowbar.store.machine_model import Machine, Network, Target
from crowbar.store.store import Store, open_store
from tests.api.simulation.admin import CREDENTIAL
from tests.api.simulation.hardware import mac, small, uuid
from tests.api.simulation.server import Server
from tests.api.simulation.wire import Times

Result = TypeVar("Result")
ROOT = Path(__file__).parents[3]


@dataclass
class Rack:
    """Servers, their BMCs' state (which outlives the admin node), and the admin node."""

    folder: Path
    store: Store
    loop: asyncio.AbstractEventLoop
    servers: dict[str, Server]
    times: Times
    settings: dict[str, Any]
    bmcs: dict[str, dict[str, str]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)
    port: int = 0
    process: subprocess.Popen[str] | None = None
    _reader: threading.Thread | None = None

    def start(self) -> None:
        """The admin node starts; it comes back when it listens."""
        listed = [{"name": name, **self.bmcs.get(name, {"power": "off", "device": "default"})} for name in self.servers]
        faults = [{"name": name, "fault": fault} for name, fault in self.faults.items()]
        told = {"bmcs": listed, "faults": faults, "port": self.port, **self.settings}
        (self.folder / "admin.json").write_text(json.dumps(told))
        argv = [sys.executable, "-m", "tests.api.simulation.admin", str(self.folder)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True, cwd=ROOT)
        assert self.process.stdout is not None
        first = self.process.stdout.readline().split()
        assert first[:1] == ["listening"], first
        self.port = int(first[1])
        self._reader = threading.Thread(target=self._follow, args=(self.process.stdout,), daemon=True)
        self._reader.start()

    def kill(self) -> None:
        """SIGKILL, at whatever it is. What its BMCs had done by then, they have done."""
        if self.process is None or self._reader is None:
            return
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process = None

    def have(self, name: str, fault: str) -> None:
        """Its BMC is at fault from now on."""
        self.faults[name] = fault
        self._say("have", name, fault)

    def mend(self, name: str) -> None:
        """Not any more."""
        self._say("mend", name, self.faults.pop(name))

    def call(self, work: Callable[[], None]) -> None:
        """Have it done in the servers' loop."""
        self.loop.call_soon_threadsafe(work)

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Have it done in the servers' loop, and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def await_that(self, so: Callable[[], bool], seconds: float = 60, every: float = 0.05) -> None:
        """Until it is so. Raises TimeoutError."""
        until = time.monotonic() + seconds
        while not so():
            if time.monotonic() > until:
                raise TimeoutError
            time.sleep(every)

    def memory(self) -> int:
        """The most memory that the admin node's process has had, in KiB."""
        assert self.process is not None
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0])

    def cpu(self) -> float:
        """The CPU time that the admin node's process has used, in seconds."""
        assert self.process is not None
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _say(self, *words: str) -> None:
        if self.process is not None and self.process.stdin is not None:
            self.process.stdin.write(f"{' '.join(words)}\n")
            self.process.stdin.flush()

    def _follow(self, stdout: Any) -> None:
        for line in stdout:
            _, name, power, device = line.split()
            self.bmcs[name] = {"power": power, "device": "default" if power == "on" else device}
            self.call(lambda one=self.servers[name], on=power == "on", to=device: one.power(on, to, self.port))


@contextmanager
def rack(
    folder: Path,
    numbers: Sequence[int],
    *,
    raw: Callable[[int], Mapping[str, str]] = small,
    target: Target = Target.DISCOVERED,
    latency: tuple[float, float] = (0.0, 0.0),
    poll: float = 20.0,
    **settings: Any,
) -> Iterator[Rack]:
    """Servers that are off, each with a BMC that Crowbar knows. The admin node is not started yet."""
    times = Times()
    servers = {one.name: one for one in (Server(number, raw, times) for number in numbers)}
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    with open_store(f"sqlite:///{folder}/crowbar.db", folder / "secret.key") as store:
        store.networks.save(Network("admin", "127.0.0.0/8", ranges={"host": ("127.0.20.1", "127.0.40.1")}))
        for name, server in servers.items():
            number = server.number
            known = Machine(name, f"fake://{name}", uuid(number), f"S{number}", (mac(number),), approved=True)
            store.machines.save(known)
            store.machines.update(name, target=target)
            store.bmc_credentials.put(name, CREDENTIAL)
        thread.start()
        made = Rack(folder, store, loop, servers, times, {"latency": latency, "poll": poll, **settings})
        try:
            yield made
        finally:
            made.kill()
            made.run(_end(servers.values()))
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()


async def _end(servers: Any) -> None:
    tasks = [server.runs for server in servers if server.runs is not None]
    for server in servers:
        server.off()
    await asyncio.gather(*tasks, return_exceptions=True)
