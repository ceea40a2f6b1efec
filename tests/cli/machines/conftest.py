"""Three servers behind BMCs that are fakes, on a real store."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from crowbar.store.machine_model import Machine, Network
from crowbar.store.model import NodeState
from crowbar_inventory.bmc.fake import FAKES, FakeServer
from crowbar_inventory.bmc.model import Credential
from crowbar_inventory.hardware import (
    BootMode,
    Cpu,
    Disk,
    Hardware,
    Identity,
    MemoryModule,
    Neighbour,
    Nic,
    PciDevice,
)
from tests.cli.conftest import Cli
from tests.conftest import place

PASSWORD = "Pa55-of-the-BMCs"
CREDENTIAL = Credential("admin", PASSWORD)


@pytest.fixture
def fakes() -> Iterator[list[FakeServer]]:
    """Three servers, off."""
    FAKES.clear()
    yield [FAKES.add(FakeServer(f"b{number}", CREDENTIAL)) for number in (1, 2, 3)]
    FAKES.clear()


@pytest.fixture
def rack(bare: Cli, migrated: Path, fakes: list[FakeServer], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The command with an admin network, and the BMCs' password where it belongs."""
    place(migrated, bare.state.database)
    monkeypatch.setenv("CROWBAR_BMC_PASSWORD", PASSWORD)
    with bare.context() as context:
        context.store.networks.save(Network("admin", "198.51.100.0/24", ranges={"host": ("198.51.100.20",) * 2}))
    return bare


def brought_in(rack: Cli) -> Cli:
    rack.ok("machines", "discover", "--bmc", "fake://b1", "--bmc", "fake://b2", "--bmc", "fake://b3")
    return rack


@pytest.fixture
def machines(rack: Cli) -> Cli:
    """The command with three machines: bmc-b1, bmc-b2 and bmc-b3."""
    return brought_in(rack)


def put(cli: Cli, name: str, state: NodeState, **fields: Any) -> None:
    with cli.context() as context:
        context.store.machines.move(name, state, actor="test", reason="a test")
        if fields:
            context.store.machines.update(name, **fields)


def hardware() -> Hardware:
    return Hardware(
        Identity("4c4c4544-0000-1000-8000-000000000001", "S1", frozenset({"52:54:00:00:00:01"})),
        vendor="Example",
        product="Box",
        boot_mode=BootMode.UEFI,
        cpu=Cpu(model="Fast One", sockets=1, cores=4, threads=8),
        memory_mib=8192,
        memory=(MemoryModule("DIMM_A1", 8192),),
        disks=(Disk("sda", 480 * 10**9, "SSD", "D1"),),
        nics=(Nic("eth0", "52:54:00:00:00:01", speed=10000, link=True, neighbour=Neighbour(system="tor1", port="e7")),),
        pci=(PciDevice("0000:01:00.0", "3D controller", "Pixels", "X1", gpu=True),),
    )


def machine(cli: Cli, name: str) -> Machine:
    with cli.context() as context:
        found = context.store.machines.get(name)
    assert found is not None
    return found


def wait_for(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
