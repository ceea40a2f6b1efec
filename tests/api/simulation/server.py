"""A simulated server: what it does when its power comes, and the agent that then runs on it."""

from __future__ import annotations

import asyncio
import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from tests.api.simulation.hardware import mac, uuid
from tests.api.simulation.wire import Link, Times

_OK, _WAITING, _OVER = 200, 202, 409


@dataclass
class Server:
    """One server. ``raw`` is what its agent finds, ``orders`` how it carries them out: it returns (status, message)."""

    number: int
    raw: Callable[[int], Mapping[str, str]]
    times: Times
    count: Counter[str] = field(default_factory=Counter)
    written: bool = False  # an image is on its disk
    dead: bool = False  # whatever is booted does nothing
    on_disk: Callable[[Server], None] = lambda _server: None  # it boots what is on its disk
    carried_out: Callable[[Server, Mapping[str, Any]], Awaitable[tuple[str, str]]] | None = None
    said: list[str] = field(default_factory=list)
    runs: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        return f"node{self.number}"

    def power(self, on: bool, device: str, port: int) -> None:
        """What its BMC has done. To be called in the loop."""
        self.off()
        if on and not self.dead:
            self.runs = asyncio.get_running_loop().create_task(self._boot(device, port))

    def off(self) -> None:
        """Nothing runs on it any more."""
        if self.runs is not None:
            self.runs.cancel()
            self.runs = None

    async def _boot(self, device: str, port: int) -> None:
        if device != "pxe":
            self.on_disk(self)
            return
        while True:
            link = Link(port, self.times)
            try:
                script = await self.boot_script(link)
                if "crowbar.url" not in script:
                    self.on_disk(self)
                    return
                token = re.search(r"crowbar\.token=(\S+)", script)
                self.count["boots"] += 1
                await Agent(self, link, token[1] if token else None).run()
            except (OSError, EOFError):
                await asyncio.sleep(0.1)  # firmware tries again
            finally:
                link.close()

    async def boot_script(self, link: Link) -> str:
        query = f"mac={mac(self.number)}&uuid={uuid(self.number)}&serial=S{self.number}&firmware=pcbios"
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
        elif not self.told:
            await self.tell()
        else:
            status, answer = await self._post("orders/next", {}, "poll")
            if status == _OK and answer["order"] is not None:
                await self.obey(answer["order"])

    async def register(self) -> None:
        number = self.server.number
        identity = {"uuid": uuid(number), "serial": f"S{number}", "macs": [mac(number)]}
        body = {"protocol": 1, "token": self.token, "boot_mac": mac(number), "identity": identity}
        status, answer = await self._post("register", {**body, "boot_id": self.boot_id}, "register")
        if status == _OK:
            self.server.count["registered"] += 1
            self.link.session = answer["session"]
        elif status == _WAITING:
            await asyncio.sleep(0.2)
        else:
            raise OSError(answer["message"])

    async def tell(self) -> None:
        self.server.count["inventories sent"] += 1
        raw = self.server.raw(self.server.number)
        status, answer = await self._post("inventory", {"raw": dict(raw)}, "inventory")
        if status != _OK:
            raise OSError(answer["message"])
        self.server.count["inventories taken"] += 1
        self.told = True

    async def obey(self, order: Mapping[str, Any]) -> None:
        self.server.count[f"order {order['id']}"] += 1
        status, message = "succeeded", ""
        if order["kind"] == "inspect":
            await self.tell()
        elif self.server.carried_out is not None:
            status, message = await self.server.carried_out(self.server, order)
        report = {"status": status, "progress": 100, "message": message}
        while True:
            try:
                await self._post(f"orders/{order['id']}", report, "report")
                return
            except (OSError, EOFError):
                await asyncio.sleep(0.1)

    async def _post(self, path: str, document: Any, kind: str) -> tuple[int, Any]:
        status, answer = await self.link.post(path, document, kind)
        self.server.said.append(f"{path} {status} {answer['message']}")
        del self.server.said[:-20]
        if status == _OVER:
            self.link.session = ""
            raise OSError(answer["message"])
        return status, answer
