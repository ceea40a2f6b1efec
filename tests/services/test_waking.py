"""Who has a system and is off is powered on before a deployment begins, and nobody else is touched."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from crowbar.services.machines.waking import wake
from crowbar.store.database import sqlite_url
from crowbar.store.machine_model import Machine
from crowbar.store.model import Health, Node, NodeKind, NodeState
from crowbar.store.store import Store, open_store
from crowbar_inventory.bmc.fake import FAKES, FakeServer, Fault
from crowbar_inventory.bmc.model import BootDevice, Credential, Power, PowerAction
from tests.conftest import place

BMC = Credential("admin", "secret")


@dataclass
class Site:
    """Servers behind fakes, whose SSH is a port of loopback that is open while they are up."""

    store: Store
    open: ExitStack
    said: list[str] = field(default_factory=list)

    def server(self, name: str, power: Power, *, up: bool = False, state: NodeState = NodeState.READY) -> FakeServer:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        fake = FAKES.add(FakeServer(name, BMC, power=power))
        fake.on_power = lambda _server, action: self._listen(port) if action is PowerAction.ON else None
        if up:
            self._listen(port)
        self.store.machines.save(Machine(name, bmc=f"fake://{name}"))
        self.store.bmc_credentials.put(name, BMC)
        self.store.nodes.save(Node(name, NodeKind.MACHINE, {"admin": "127.0.0.1"}, ssh_port=port, state=state))
        return fake

    def _listen(self, port: int) -> None:
        self.open.enter_context(socket.create_server(("127.0.0.1", port)))

    def wake(self, *names: str, seconds: float = 20) -> list[str]:
        wake(self.store, names or ("m1", "m2"), self.said.append, seconds=seconds)
        return self.said


@pytest.fixture
def site(tmp_path: Path, migrated: Path) -> Iterator[Site]:
    place(migrated, tmp_path / "crowbar.db")
    FAKES.clear()
    with open_store(sqlite_url(tmp_path / "crowbar.db"), tmp_path / "secret.key") as store, ExitStack() as stack:
        yield Site(store, stack)
    FAKES.clear()


def test_one_that_is_off_boots_from_its_disk_and_is_awaited(site: Site) -> None:
    fake = site.server("m1", Power.OFF)
    assert site.wake() == ["m1 was off: it is powered on, and awaited"]
    assert fake.orders == ["boot disk", "power on"]
    assert (fake.power, fake.boot_device) == (Power.ON, BootDevice.DISK)
    assert [event.kind for event in site.store.machine_events.timeline("m1", ())][-3:] == [
        "bmc.boot",
        "bmc.power",
        "power.changed",
    ]


@pytest.mark.parametrize(
    "other",
    [
        lambda site: site.server("m2", Power.ON, up=True),
        lambda site: site.server("m2", Power.OFF, up=True),  # it answers: what the BMC says is not asked
        lambda site: site.server("m2", Power.ON),  # it may be booting, or its network is broken
        lambda site: site.server("m2", Power.OFF, state=NodeState.DISCOVERED),
        lambda site: site.server("m2", Power.OFF, state=NodeState.INSTALLING),
    ],
    ids=["up", "up whatever its BMC says", "on and silent", "without a system", "being installed"],
)
def test_others_are_left_as_they_are(site: Site, other: Callable[[Site], FakeServer]) -> None:
    fake = other(site)
    assert site.wake() == []
    assert fake.orders == []


def test_one_in_quarantine_stays_off(site: Site) -> None:
    fake = site.server("m1", Power.OFF)
    site.store.nodes.set_state("m1", NodeState.READY, Health.MAINTENANCE, "its fan is loud")
    assert site.wake() == []
    assert fake.orders == []


def test_only_those_that_are_asked_for(site: Site) -> None:
    one, other = site.server("m1", Power.OFF), site.server("m2", Power.OFF)
    site.store.machines.set_aliases("m2", ["second"])
    site.wake("second")
    assert (one.power, other.power) == (Power.OFF, Power.ON)


def test_a_bmc_that_refuses_is_told_and_keeps_nobody_from_it(site: Site) -> None:
    site.server("m1", Power.OFF).have(Fault.REFUSE)
    site.server("m2", Power.OFF)
    said = sorted(site.wake())
    assert said[0].startswith("m1 does not answer, and cannot be powered on: The BMC of m1 at fake://m1")
    assert said[1:] == ["m2 was off: it is powered on, and awaited"]


def test_one_that_does_not_come_up_is_told_after_the_time(site: Site) -> None:
    site.server("m1", Power.OFF).on_power = lambda _server, _action: None
    assert site.wake(seconds=1)[-1] == "m1 does not answer 1 s after it was powered on"
