from __future__ import annotations

import time

import pytest

from crowbar_inventory.bmc.connect import connect
from crowbar_inventory.bmc.fake import FAKES, FakeServer, Fault
from crowbar_inventory.bmc.model import (
    BmcBusyError,
    BmcError,
    BmcLiedError,
    BmcRefusedError,
    BmcUnreachableError,
    BootDevice,
    Credential,
    Power,
    PowerAction,
)
from crowbar_inventory.bmc.retry import Patience, persist
from crowbar_inventory.bmc.survey import survey


def test_orders_are_obeyed_and_told() -> None:
    told: list[tuple[str, PowerAction]] = []
    server = FAKES.add(FakeServer("one", on_power=lambda server, action: told.append((server.name, action))))
    bmc = connect(server.address, server.credential)
    bmc.set_boot_device(BootDevice.PXE, uefi=True)
    assert bmc.set_power(PowerAction.CYCLE, wait=1) is Power.ON
    assert bmc.set_power(PowerAction.RESET) is Power.ON
    assert bmc.set_power(PowerAction.SOFT_OFF) is Power.OFF
    assert bmc.set_power(PowerAction.OFF) is Power.OFF
    assert server.orders == ["boot pxe uefi", "power on", "power reset", "power soft-off"]
    assert told == [("one", PowerAction.ON), ("one", PowerAction.RESET), ("one", PowerAction.SOFT_OFF)]
    assert (server.boot_device, server.uefi) == (BootDevice.PXE, True)
    assert bmc.fru()["serial"] == "one"


@pytest.mark.parametrize(
    ("fault", "kind"),
    [(Fault.HANG, BmcUnreachableError), (Fault.REFUSE, BmcRefusedError), (Fault.BUSY, BmcBusyError)],
)
def test_a_fault_is_an_error_of_its_kind_until_it_is_lifted(fault: Fault, kind: type[BmcError]) -> None:
    server = FAKES.add(FakeServer("one"))
    bmc = connect(server.address, server.credential, limit=0.05)
    server.have(fault)
    begun = time.monotonic()
    for _ in range(2):
        with pytest.raises(kind):
            bmc.power()
    assert time.monotonic() - begun < 5
    server.mend()
    assert bmc.power() is Power.OFF


def test_a_lie_is_found_out() -> None:
    server = FAKES.add(FakeServer("one"))
    bmc = connect(server.address, server.credential)
    server.have(Fault.LIE)
    with pytest.raises(BmcLiedError, match="power on: the BMC took the order, but after 0 s the power is off, not on"):
        bmc.set_power(PowerAction.ON, wait=0.05)
    server.mend(Fault.LIE)
    assert bmc.set_power(PowerAction.ON, wait=5) is Power.ON


def test_busy_so_many_times_is_outlasted() -> None:
    server = FAKES.add(FakeServer("one"))
    bmc = connect(server.address, server.credential)
    server.have(Fault.BUSY, times=3)
    assert persist(bmc.power, Patience(total=5, first=0.01)) is Power.OFF


def test_another_credential_and_another_name_are_not_let_in() -> None:
    server = FAKES.add(FakeServer("one"))
    with pytest.raises(BmcRefusedError):
        connect(server.address, Credential("admin", "wrong"))
    FAKES.clear()
    with pytest.raises(BmcUnreachableError, match="fake://one: this process has no such BMC"):
        connect(server.address, server.credential)


def test_the_same_seed_drops_the_same_requests() -> None:
    def run(seed: int) -> list[bool]:
        server = FakeServer("one", drop=0.5, seed=seed)
        came = []
        for _ in range(40):
            try:
                server.answer(server.credential, limit=0)
                came.append(True)
            except BmcUnreachableError:
                came.append(False)
        return came

    assert run(1) == run(1) != run(2)
    assert 5 < sum(run(1)) < 35


def test_the_console_shows_and_takes() -> None:
    server = FAKES.add(FakeServer("one"))
    console = connect(server.address, server.credential).console()
    server.say(b"login: ")
    assert console.read(1) == b"login: "
    assert console.read(0.01) == b""
    console.write(b"root\r")
    assert server.typed == b"root\r"
    console.close()
    with pytest.raises(BmcUnreachableError):
        console.read(0)


def test_a_thousand_are_surveyed_each_once_whatever_is_wrong_with_some() -> None:
    for number in range(1000):
        server = FAKES.add(FakeServer(f"n{number}", latency=(0.001, 0.005), seed=7, power=Power.ON))
        if number % 100 == 0:
            server.have(Fault.HANG if number % 200 else Fault.REFUSE)
    readings = list(survey([(server.address, server.credential) for server in FAKES], limit=0.3))
    assert sorted(reading.address.host for reading in readings) == sorted(server.name for server in FAKES)
    errors = [type(reading.error) for reading in readings if reading.error]
    assert errors.count(BmcUnreachableError) == 5 and errors.count(BmcRefusedError) == 5
    assert sum(reading.power is Power.ON for reading in readings) == 990
