"""Hardware comes back as it was found, five revisions deep, with the raw output beside it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from crowbar.errors import InputError
from crowbar.store import hardware as module
from crowbar.store.columns import now
from crowbar.store.machine_model import Machine
from crowbar.store.store import Store
from crowbar_inventory.codec import from_data, to_data
from crowbar_inventory.hardware import (
    BmcLan,
    BootMode,
    Cpu,
    Disk,
    Firmware,
    Hardware,
    Identity,
    MemoryModule,
    Neighbour,
    Nic,
    PciDevice,
    SmartHealth,
)

FULL = Hardware(
    Identity("0a1b", "S1", frozenset({"52:54:00:00:00:01", "52:54:00:00:00:02"})),
    vendor="Example",
    product="Ünit 9\0",
    firmware=Firmware("Example", "1.2", "2026-01-01"),
    boot_mode=BootMode.UEFI,
    cpu=Cpu("A CPU", "x86_64", 2, 32, 64, 2400, frozenset({"vmx", "aes"}), virtualization=True),
    memory_mib=131072,
    memory=(MemoryModule("DIMM A1", 65536, "DDR5", 4800),),
    disks=(Disk("sda", 10**12, serial="D1", rotational=True, smart=SmartHealth.FAILED),),
    nics=(Nic("eno1", "52:54:00:00:00:01", link=True, addresses=("10.0.0.1",), neighbour=Neighbour("c", "p", "s")),),
    pci=(PciDevice("0000:01:00.0", "VGA", gpu=True),),
    tpm="2.0",
    bmc=BmcLan("10.1.0.5"),
)
BARE = Hardware(Identity())


@pytest.fixture(autouse=True)
def _machine(store: Store) -> None:
    store.machines.save(Machine("m1"))


@pytest.mark.parametrize("hardware", [FULL, BARE], ids=["full", "bare"])
def test_facts_come_back_as_they_were(store: Store, hardware: Hardware) -> None:
    before = now()
    assert store.hardware.newest("m1") is None
    assert store.hardware.add("m1", hardware, {}) == 1
    newest = store.hardware.newest("m1")
    assert newest and before <= newest[1] <= now()
    assert newest[0] == hardware
    view = store.machines.view("m1")
    assert view and (view.hardware, view.inspected) == newest


def test_facts_of_other_versions_are_read(store: Store) -> None:
    assert from_data({"identity": {"uuid": "u", "later": 1}, "disks": [{"name": "a", "size": 1}], "later": []}) == (
        Hardware(Identity("u"), disks=(Disk("a", 1),))
    )
    assert to_data(FULL)["cpu"]["flags"] == ["aes", "vmx"]
    nonsenses: tuple[Any, ...] = (None, [], {}, {"identity": 5})
    for nonsense in nonsenses:
        with pytest.raises(ValueError, match="no facts of hardware"):
            from_data(nonsense)


def test_five_revisions_are_kept(store: Store) -> None:
    for n in range(1, 8):
        assert store.hardware.add("m1", replace(BARE, vendor=str(n)), {"n": str(n)}) == n
    assert list(store.hardware.revisions("m1")) == [3, 4, 5, 6, 7]
    assert store.hardware.raw("m1") == {"n": "7"}
    assert store.hardware.raw("m1", 3) == {"n": "3"}
    assert store.hardware.raw("m1", 2) == store.hardware.raw("m2") == {}


def test_raw_output_comes_back_to_the_byte_and_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = {"dmidecode": "ÿ\0\udcff\udcfe", "lspci": "x" * 100_000}
    store.hardware.add("m1", BARE, odd)
    assert store.hardware.raw("m1") == odd
    monkeypatch.setattr(module, "RAW_LIMIT", 1000)
    store.hardware.add("m1", BARE, {"lspci": "x" * 1001, "lscpu": "y" * 900, "lsblk": "z" * 900, "tpm": "2"})
    assert list(store.hardware.raw("m1")) == ["lscpu", "tpm"]


def test_more_facts_than_any_server_has_are_refused(store: Store) -> None:
    with pytest.raises(InputError, match="bytes of facts") as raised:
        store.hardware.add("m1", replace(BARE, vendor="x" * module.FACTS_LIMIT), {})
    assert raised.value.hint
    assert store.hardware.newest("m1") is None


def test_inspections_that_arrive_at_once_are_numbered(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(lambda n: store.hardware.add("m1", BARE, {}), range(12)))
    assert sorted(numbers) == list(range(1, 13))
