"""A simulated server: what it does when its power comes, and the agent that then runs on it."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from tests.api.simulation.hardware import mac, small, uuid
from tests.api.simulation.wire import Link, Times

_OK, _WAITING, _OVER = 200, 202, 409
Raw = Callable[[int], Mapping[str, Any]]


@dataclass
class Server:
    """One server.

    ``at`` is called with each point of its way that it reaches: booted, registered, inspected, idle, wipe, install,
    disk. Who is called may say that it is ``dead``: it stops there, and whatever is booted does nothing.
    """

    number: int
    raw: Raw = small
    times: Times = field(default_factory=Times)
    at: Callable[[Server, str], None] = lambda _server, _point: None
    on_disk: Callable[[Server], None] = lambda _server: None  # it boots what is on its disk
    count: Counter[str] = field(default_factory=Counter)
    dead: bool = False
    ignores_boot_device: bool = False
    token_of: int | None = None  # it boots with that server's script
    replays: str | None = None  # a token that it uses again
    floods: bool = False  # it sends 100 MB
    fails: dict[str, str] = field(default_factory=dict)  # how orders of a kind end
    installed: Mapping[str, Any] = field(default_factory=dict)  # the order whose image is on its disk
    runs: asyncio.Task[None] | None = None
    agent: Agent | None = None

    @property
    def name(self) -> str:
        return f"node{self.number}"

    def power(self, on: bool, device: str, port: int) -> None:
        """What its BMC has done. To be called in the loop."""
        self.off()
        if on and not self.dead:
            pxe = device == "pxe" and not self.ignores_boot_device
            self.runs = asyncio.get_running_loop().create_task(self._boot(pxe, port))

    def off(self) -> None:
        """Nothing runs on it any more."""
        if self.runs is not None:
            self.runs.cancel()
            self.runs = None

    async def reach(self, point: str) -> None:
        """It is at that point of its way."""
        self.count[point] += 1
        self.at(self, point)
        if self.dead:
            await asyncio.Event().wait()

    async def _boot(self, pxe: bool, port: int) -> None:
        while pxe:
            link = Link(port, self.times)
            try:
                script = await boot_script(link, self.number if self.token_of is None else self.token_of)
                if "crowbar.url" not in script:
                    break
                token = re.search(r"crowbar\.token=(\S+)", script)
                await self.reach("booted")
                self.agent = Agent(self, link, self.replays or (token[1] if token else None))
                await self.agent.run()
            except (OSError, EOFError):
                await asyncio.sleep(0.1)  # firmware tries again
            finally:
                link.close()
        await self.reach("disk")
        if self.installed:
            self.on_disk(self)


async def boot_script(link: Link, number: int) -> str:
    query = f"mac={mac(number)}&uuid={uuid(number)}&serial=S{number}&firmware=pcbios"
    status, body = await link.ask("GET", f"/boot.ipxe?{query}", kind="boot.ipxe")
    if status != _OK:
        raise OSError(f"the boot script: {status}")
    return body.decode()


@dataclass
class Agent:
    """One boot of the discovery system. It does as the real one: it never gives up, and tells until it is heard."""

    server: Server
    link: Link
    token: str | None
    boot_id: str = field(default_factory=lambda: f"{random.getrandbits(64):016x}")
    told: bool = False

    async def run(self) -> NoReturn:
        failures = 0
        while True:
            try:
                await self.step()
                failures = 0
            except (OSError, EOFError):
                failures += 1
                await asyncio.sleep(min(1.0, 0.05 * 2**failures) * random.uniform(0.5, 1))

    async def step(self) -> None:
        if not self.link.session:
            await self.register()
            return
        if not self.told:
            await self.tell()
            await self.server.reach("inspected")
            return
        status, answer = await self._post("orders/next", {}, "poll")
        if status == _OK and answer["order"] is not None:
            await self.obey(answer["order"])
        else:
            await self.server.reach("idle")

    async def register(self) -> None:
        number = self.server.number
        identity = {"uuid": uuid(number), "serial": f"S{number}", "macs": [mac(number)]}
        body = {"protocol": 1, "token": self.token, "boot_mac": mac(number), "identity": identity}
        status, answer = await self._post("register", {**body, "boot_id": self.boot_id}, "register")
        if status == _WAITING:
            await asyncio.sleep(0.2)
            return
        if status != _OK:
            raise OSError(answer["message"])
        self.link.session = answer["session"]
        await self.server.reach("registered")

    async def tell(self) -> None:
        if self.server.floods:
            await self.link.flood("inventory", 100_000_000)
        self.server.count["inventories sent"] += 1
        raw = self.server.raw(self.server.number)
        status, answer = await self._post("inventory", {"raw": dict(raw)}, "inventory")
        if status != _OK:
            raise OSError(answer["message"])
        self.server.count["inventories taken"] += 1
        self.told = True

    async def obey(self, order: Mapping[str, Any]) -> None:
        kind = order["kind"]
        await self.server.reach(kind)
        if kind == "inspect":
            await self.tell()
        fault = self.server.fails.get(kind, "")
        if kind == "install" and not fault:
            self.server.installed = order["params"]
        report = {"status": "failed" if fault else "succeeded", "progress": 100, "message": fault}
        while True:
            try:
                await self._post(f"orders/{order['id']}", report, "report")
                return
            except (OSError, EOFError):
                if not self.link.session:  # a new admin node, or a reset: it is handed out again if it is wanted
                    return
                await asyncio.sleep(0.1)

    async def _post(self, path: str, document: Any, kind: str) -> tuple[int, Any]:
        status, answer = await self.link.post(path, document, kind)
        if status == _OVER:
            self.link.session = ""
            raise OSError(answer["message"])
        return status, answer
