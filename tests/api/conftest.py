"""The application on a real socket of loopback, and a client that speaks as an agent does."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn

from crowbar.api.app import make_app
from crowbar.api.desk import Desk
from crowbar.services.discovery.booting import Offer
from crowbar.services.machines.traffic import Traffic
from crowbar.store.machine_model import Network
from crowbar.store.store import Store, open_store
from crowbar_inventory.rules import Rules, parse_rules
from tests.conftest import place

DIGEST = "0123456789abcdef"


@dataclass
class Answer:
    status: int
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    """One keep-alive connection."""

    url: str
    session: str = ""

    def __post_init__(self) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=20)

    def ask(self, method: str, path: str, body: bytes | None = None) -> Answer:
        headers = {"Authorization": f"Bearer {self.session}"} if self.session else {}
        self._connection.request(method, path, body, headers)
        response = self._connection.getresponse()
        return Answer(response.status, response.read())

    def post(self, path: str, document: Any) -> Answer:
        return self.ask("POST", f"/v1/agent/{path}", json.dumps(document).encode())

    def register(self, number: int = 1, *, token: str | None = None, boot: str = "boot-0001", **other: Any) -> Answer:
        answer = self.post("register", registration(number, token=token, boot=boot) | other)
        if answer.status == 200:
            self.session = answer.json["session"]
        return answer

    def boot_script(self, number: int = 1) -> str:
        answer = self.ask("GET", f"/boot.ipxe?mac={mac(number)}&uuid={uuid(number)}&serial=S{number}&firmware=pcbios")
        assert answer.status == 200, answer.body
        return answer.body.decode()

    def token(self, number: int = 1) -> str:
        script = self.boot_script(number)
        return script.partition("crowbar.token=")[2].split()[0]

    def close(self) -> None:
        self._connection.close()


def mac(number: int) -> str:
    return f"52:54:00:00:{number // 256:02x}:{number % 256:02x}"


def uuid(number: int) -> str:
    return f"4c4c4544-0000-1000-8000-{number:012x}"


def registration(number: int, *, token: str | None = None, boot: str = "boot-0001") -> dict[str, Any]:
    identity = {"uuid": uuid(number), "serial": f"S{number}", "macs": [mac(number)]}
    return {
        "protocol": 1,
        "token": token,
        "boot_mac": mac(number),
        "identity": identity,
        "boot_id": f"{boot}-{number}",
        "agent": "test",
    }


def inventory(number: int) -> dict[str, Any]:
    """What a small server's agent finds."""
    sysfs = {
        "boot_mode": "bios",
        "dmi": {
            "sys_vendor": "Example",
            "product_name": "Box 1",
            "product_uuid": uuid(number),
            "product_serial": f"S{number}",
        },
        "nics": [{"name": "eth0", "mac": mac(number), "driver": "virtio_net", "speed": 10000, "link": True}],
        "disks": [{"name": "vda", "size": 20 * 10**9, "serial": f"disk{number}", "model": "virtual"}],
    }
    return {"raw": {"sysfs": json.dumps(sysfs), "meminfo": "MemTotal: 8388608 kB\n"}}


@dataclass
class Admin:
    """The admin node's end."""

    store: Store
    url: str
    folder: Path
    traffic: Traffic

    def client(self) -> Client:
        return Client(self.url)


@pytest.fixture
def rules() -> Rules:
    return Rules()


@pytest.fixture
def admin(tmp_path: Path, migrated: Path, rules: Rules) -> Iterator[Admin]:
    place(migrated, tmp_path / "crowbar.db")
    store = open_store(f"sqlite:///{tmp_path}/crowbar.db", tmp_path / "secret.key")
    store.networks.save(
        Network("admin", "127.0.0.0/24", ranges={"host": ("127.0.0.20", "127.0.0.200")}, auto_approve=False)
    )
    system = tmp_path / "system"
    system.mkdir()
    (system / "vmlinuz").write_bytes(b"kernel")
    (system / "initrd").write_bytes(b"ramdisk")
    disks = tmp_path / "disks"
    disks.mkdir()
    config = uvicorn.Config(lambda: None, host="127.0.0.1", port=0, log_config=None)
    socket = config.bind_socket()
    url = f"http://127.0.0.1:{socket.getsockname()[1]}"
    desk = Desk(store, Offer(url, DIGEST), rules, system, disks, patience=3.0)
    server = uvicorn.Server(uvicorn.Config(make_app(desk), log_config=None))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Admin(store, url, tmp_path, desk.traffic)
    finally:
        server.should_exit = True
        thread.join()
        socket.close()
        store.close()


@pytest.fixture
def client(admin: Admin) -> Iterator[Client]:
    client = admin.client()
    yield client
    client.close()


__all__ = ["DIGEST", "Admin", "Client", "inventory", "mac", "parse_rules", "registration", "uuid"]
