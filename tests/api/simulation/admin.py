"""The admin node as a process that can be killed: the real application, the real loop, BMCs that are fakes.

It is told by a JSON file in its folder what there is, and on stdin what becomes of BMCs; it tells on stdout where it
listens, and each order of power that a BMC obeyed, so that whoever plays the servers can boot them.
"""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import uvicorn

from crowbar.api.app import make_app
from crowbar.api.desk import Desk
from crowbar.services.discovery.booting import Offer
from crowbar.services.machines.access import admin_key
from crowbar.services.machines.acting import Actor
from crowbar.services.machines.images import DiskImages
from crowbar.services.machines.loop import running
from crowbar.store.store import open_store
from crowbar_inventory.bmc.fake import FAKES, FakeServer, Fault
from crowbar_inventory.bmc.model import BootDevice, Credential, Power, PowerAction
from crowbar_inventory.rules import Rules

CREDENTIAL = Credential("admin", "secret")
_PRINTING = threading.Lock()


def tell(*words: object) -> None:
    with _PRINTING:
        print(*words, flush=True)


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
    for line in sys.stdin:
        what, name, *faults = line.split()
        if what == "have":
            servers[name].have(Fault(faults[0]))
        else:
            servers[name].mend(*map(Fault, faults))
    import os

    os._exit(0)


def main(folder: Path) -> None:
    told: dict[str, Any] = json.loads((folder / "admin.json").read_text())
    servers = {one["name"]: bmc(**one, latency=tuple(told["latency"])) for one in told["bmcs"]}
    for one in told["faults"]:
        servers[one["name"]].have(Fault(one["fault"]))
    threading.Thread(target=listen, args=(servers,), daemon=True).start()
    (folder / "disks").mkdir(exist_ok=True)
    with open_store(f"sqlite:///{folder}/crowbar.db", folder / "secret.key") as store:
        socket = uvicorn.Config(lambda: None, host="127.0.0.1", port=told["port"]).bind_socket()
        port = socket.getsockname()[1]
        desk = Desk(store, Offer(f"http://127.0.0.1:{port}", "0123456789abcdef"), Rules(), folder, folder / "disks")
        desk.patience = told["poll"]
        actor = Actor(store, DiskImages(folder / "disks"), admin_key(folder / "id"))
        server = uvicorn.Server(
            uvicorn.Config(make_app(desk), log_config=None, access_log=False, timeout_keep_alive=30)
        )
        with running(actor):
            tell("listening", port)
            server.run(sockets=[socket])


if __name__ == "__main__":
    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    main(Path(sys.argv[1]))
