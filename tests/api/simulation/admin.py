"""The admin node as a process that can be killed: the real application, the real loop, BMCs that are fakes.

It is the child of a process that has all modules loaded and begins a new one at each line ``start``. It is told by a
JSON file in its folder what there is, and on stdin what becomes of BMCs; it tells on stdout its number, where it
listens, and each order of power that a BMC obeyed, so that whoever plays the servers can boot them.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import structlog
import uvicorn

from crowbar.api.app import make_app
from crowbar.api.desk import Desk
from crowbar.engine.lifecycle import Patience
from crowbar.services.discovery.booting import Offer
from crowbar.services.machines.access import admin_key
from crowbar.services.machines.acting import Actor
from crowbar.services.machines.control import BmcPatience
from crowbar.services.machines.images import DiskImages
from crowbar.services.machines.loop import running
from crowbar.services.machines.pauses import PauseLengths, Pauses
from crowbar.store.store import open_store
from crowbar_inventory.bmc import retry
from crowbar_inventory.bmc.fake import FAKES, FakeServer, Fault
from crowbar_inventory.bmc.model import BootDevice, Credential, Power, PowerAction
from crowbar_inventory.rules import Rules

CREDENTIAL = Credential("admin", "secret")
_PRINTING = threading.Lock()


def tell(*words: object) -> None:
    with _PRINTING:
        os.write(1, f"{' '.join(map(str, words))}\n".encode())


def lines() -> Iterator[str]:
    """Of stdin, none read beyond the one that is given: parent and children share it."""
    line = b""
    while byte := os.read(0, 1):
        if byte == b"\n":
            yield line.decode()
            line = b""
        else:
            line += byte


def bmc(name: str, power: str, device: str, latency: tuple[float, float]) -> FakeServer:
    def on_power(server: FakeServer, _action: PowerAction) -> None:
        tell("power", server.name, server.power.value, server.boot_device.value)
        if server.power is Power.ON:
            server.boot_device = BootDevice.DEFAULT  # it was for one boot

    server = FakeServer(name, CREDENTIAL, latency, power=Power(power), boot_device=BootDevice(device))
    server.on_power = on_power
    return FAKES.add(server)


def listen(servers: Mapping[str, FakeServer]) -> None:
    """What becomes of BMCs. The end of stdin is the end of the process: it is nobody's any more."""
    for line in lines():
        what, name, fault = line.split()
        if what == "have":
            servers[name].have(Fault(fault))
        else:
            servers[name].mend(Fault(fault))
    os._exit(0)


def actor_of(told: Mapping[str, Any], folder: Path, store: Any) -> Actor:
    """As `crowbar serve` makes it, but for what a test hurries."""
    actor = Actor(store, DiskImages(folder / "disks"), admin_key(folder / "id"))
    if "bmc" not in told:
        return actor
    answer, power, again = told["bmc"]
    patience = BmcPatience(answer, power, retry.Patience(total=again, first=0.05))
    return Actor(store, actor.images, actor.key, patience, Pauses(PauseLengths(*told["pauses"])))


def serve(folder: Path) -> None:
    told: dict[str, Any] = json.loads((folder / "admin.json").read_text())
    servers = {one["name"]: bmc(**one, latency=tuple(told["latency"])) for one in told["bmcs"]}
    for one in told["faults"]:
        servers[one["name"]].have(Fault(one["fault"]))
    (folder / "disks").mkdir(exist_ok=True)
    with open_store(f"sqlite:///{folder}/crowbar.db", folder / "secret.key") as store:
        socket = uvicorn.Config(lambda: None, host="127.0.0.1", port=told["port"]).bind_socket()
        port = socket.getsockname()[1]
        desk = Desk(store, Offer(f"http://127.0.0.1:{port}", "0123456789abcdef"), Rules(), folder, folder / "disks")
        desk.patience = told["poll"]
        server = uvicorn.Server(uvicorn.Config(make_app(desk), log_config=None, access_log=False))
        loop = {"every": told["every"], "patience": Patience(**told["patience"])} if "every" in told else {}
        with running(actor_of(told, folder, store), **loop):
            tell("listening", os.getpid(), port)
            threading.Thread(target=listen, args=(servers,), daemon=True).start()
            server.run(sockets=[socket])


def main(folder: Path) -> None:
    import logging

    logging.disable(logging.INFO)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    for _ in lines():
        child = os.fork()
        if child == 0:
            try:
                serve(folder)
            finally:
                os._exit(1)
        os.waitpid(child, 0)
        tell("gone")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
