"""The IPMI driver against OpenIPMI's simulator, over the wire."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crowbar_inventory.bmc.connect import connect
from crowbar_inventory.bmc.ipmi import IpmiBmc
from crowbar_inventory.bmc.model import (
    Bmc,
    BmcAddress,
    BmcBusyError,
    BmcError,
    BmcLiedError,
    BmcRefusedError,
    BmcUnreachableError,
    BootDevice,
    Credential,
    Power,
    PowerAction,
    Sensor,
)
from crowbar_inventory.bmc.retry import Patience, persist
from crowbar_inventory.bmc.wire import Request
from tests.inventory.bmc.simulator import AVAILABLE, PASSWORD, Simulator, simulators

pytestmark = pytest.mark.skipif(not AVAILABLE, reason="needs ipmi_sim")


@pytest.fixture
def bmc(simulator: Simulator) -> Iterator[Bmc]:
    bmc = connect(simulator.address, simulator.credential)
    yield bmc
    bmc.close()


def test_power_is_ordered_and_seen_to_be_so(bmc: Bmc, simulator: Simulator) -> None:
    assert bmc.power() is Power.OFF
    assert bmc.set_power(PowerAction.ON, wait=20) is Power.ON
    assert bmc.set_power(PowerAction.ON, wait=20) is Power.ON
    assert bmc.set_power(PowerAction.RESET, wait=20) is Power.ON
    assert bmc.set_power(PowerAction.SOFT_OFF, wait=20) is Power.OFF
    assert bmc.set_power(PowerAction.CYCLE, wait=20) is Power.ON
    assert bmc.set_power(PowerAction.OFF, wait=20) is Power.OFF
    assert simulator.get("orders").splitlines() == ["power 1", "reset 1", "shutdown 1", "power 1", "power 0"]


def test_a_bmc_that_takes_an_order_and_does_nothing_has_lied(bmc: Bmc, simulator: Simulator) -> None:
    simulator.put("ignore")
    assert bmc.set_power(PowerAction.ON) is Power.OFF
    with pytest.raises(BmcLiedError, match="the power is off, not on"):
        bmc.set_power(PowerAction.ON, wait=0.3)
    (simulator.folder / "ignore").unlink()
    assert bmc.set_power(PowerAction.ON, wait=20) is Power.ON


def test_an_order_that_fails_is_said_to_have_failed_and_can_be_given_again(bmc: Bmc, simulator: Simulator) -> None:
    simulator.put("refuse")
    with pytest.raises(BmcError, match="power on: the BMC answers FFh") as caught:
        bmc.set_power(PowerAction.ON)
    assert caught.value.retry
    (simulator.folder / "refuse").unlink()
    assert bmc.set_power(PowerAction.ON, wait=20) is Power.ON


@pytest.mark.parametrize(
    ("device", "arrives"),
    # As RACK-FACTS has it: the simulator calls the disk `default`, and the default `none`.
    [(BootDevice.PXE, "pxe"), (BootDevice.DISK, "default"), (BootDevice.SETUP, "bios"), (BootDevice.DEFAULT, "none")],
)
def test_the_boot_device_arrives(bmc: Bmc, simulator: Simulator, device: BootDevice, arrives: str) -> None:
    bmc.set_boot_device(device)
    assert simulator.get("boot") == arrives


def test_the_boot_flags_are_for_one_boot_and_name_the_firmware(simulator: Simulator) -> None:
    asked: list[bytes] = []

    class Listening(IpmiBmc):
        def _ask(self, what: str, netfn: int, command: int, data: bytes = b"", *, least: int = 0) -> bytes:
            asked.append(data)
            return super()._ask(what, netfn, command, data, least=least)

    bmc = Listening(simulator.address, simulator.credential)
    bmc.set_boot_device(BootDevice.PXE, uefi=True)
    bmc.set_boot_device(BootDevice.DISK)
    bmc.set_boot_device(BootDevice.DEFAULT, uefi=True)
    bmc.close()
    # Valid and UEFI; valid alone; and in no case persistent (40h).
    assert [data[1:3] for data in asked if data[0] == 5] == [b"\xa0\x04", b"\x80\x08", b"\x00\x00"]


def test_the_identify_light_goes_on_and_out(bmc: Bmc, simulator: Simulator) -> None:
    bmc.identify(7)
    assert simulator.get("identify") == "7 0"
    bmc.identify(0)
    assert simulator.get("identify") == "0 0"


def test_what_the_bmc_knows_is_read(bmc: Bmc, simulator: Simulator) -> None:
    assert bmc.sensors() == [Sensor("CPU Temp", "Temperature", 42.0, "°C", "ok")]
    fru = bmc.fru()
    assert (fru["manufacturer"], fru["product"], fru["serial"]) == ("Crowbar", "Virtual server", "S-4711")
    assert (fru["board_serial"], fru["board_part_number"]) == ("B-0815", "BP-1")
    assert bmc.firmware() == "9.08"
    assert bmc.users() == {2: "admin", 3: "reader"}
    lan = bmc.lan()
    assert (lan.address, lan.mac, lan.gateway, lan.source) == ("10.9.0.5", "52:54:00:12:34:56", "10.9.0.1", "static")


@pytest.mark.parametrize(
    "credential",
    [
        Credential("admin", "wrong"),
        Credential("nobody", PASSWORD),
        Credential("admin", "x" * 21),
        Credential("a" * 17, PASSWORD),
        Credential("admin", "\udc80"),
    ],
)
def test_who_may_not_is_refused_at_once(simulator: Simulator, credential: Credential) -> None:
    begun = time.monotonic()
    with pytest.raises(BmcError) as caught:
        connect(simulator.address, credential)
    assert time.monotonic() - begun < 3
    assert credential.password not in str(caught.value)
    if credential.password.isascii():
        assert isinstance(caught.value, BmcRefusedError)


def test_an_unknown_name_is_unreachable() -> None:
    with pytest.raises(BmcUnreachableError, match=r"the name nothing\.invalid is not known"):
        connect(BmcAddress("ipmi", "nothing.invalid", 623), Credential("a", "b"), limit=1)


def test_a_bmc_that_dies_is_unreachable_within_the_limit_and_comes_back_by_itself(tmp_path: Path) -> None:
    with simulators(tmp_path, 1) as [simulator]:
        bmc = connect(simulator.address, simulator.credential, limit=0.5)
        simulator.stop()
        for _ in range(2):
            begun = time.monotonic()
            with pytest.raises(BmcUnreachableError):
                bmc.power()
            assert 0.4 < time.monotonic() - begun < 5
        simulator.start()
        assert persist(bmc.power, Patience(total=60, first=0.1)) is Power.OFF
        bmc.close()


def test_a_bmc_that_hangs_disturbs_no_other(simulator: Simulator, bmc: Bmc, tmp_path: Path) -> None:
    with simulators(tmp_path, 2) as [_, hung]:
        other = connect(hung.address, hung.credential, limit=0.7)
        hung.pause()
        errors: list[BmcError] = []

        def ask() -> None:
            try:
                other.power()
            except BmcError as error:
                errors.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        count, until = 0, time.monotonic() + 0.4
        while time.monotonic() < until:
            bmc.power()
            count += 1
        asking.join()
        assert [type(error) for error in errors] == [BmcUnreachableError]
        assert count > 3  # it would be 1 if the two waited in line
        hung.resume()
        assert persist(other.power, Patience(total=60, first=0.1)) is Power.OFF


def test_one_bmc_is_asked_by_many_threads_and_each_gets_its_answer(bmc: Bmc, simulator: Simulator) -> None:
    answers: list[object] = []

    def ask() -> None:
        for _ in range(10):
            answers.append(bmc.firmware())
            answers.append(bmc.power())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count("9.08") == 40 and answers.count(Power.OFF) == 40


def test_a_closed_driver_logs_in_again_when_it_is_used(bmc: Bmc) -> None:
    bmc.close()
    assert bmc.power() is Power.OFF


def test_rubbish_from_the_network_is_dropped(simulator: Simulator) -> None:
    bmc = IpmiBmc(simulator.address, simulator.credential)
    link = bmc.login()
    session = link._session
    port = session.socket.getsockname()[1]
    for rubbish in (b"\x06\x00\xff\x07", b"\x06\x00\xff\x07\x06\xc0" + b"\xff" * 20, b"\x06\x00\xff\x07\x00" * 9):
        # As if the BMC had sent it: what it really sends goes on to be understood.
        session.pktqueue.append((rubbish, session.sockaddr, session.socket.getsockname(), session.socket, True))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"\x06\x00\xff\x07" + b"\0" * 30, ("127.0.0.1", port))
    assert link.request(Request(0, 1)).result(timeout=30).code == 0
    bmc.close()


@pytest.fixture
def serial() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(30)
        yield server


def test_the_console_goes_both_ways(serial: socket.socket, tmp_path: Path) -> None:
    with simulators(tmp_path, 1, sol=serial.getsockname()[1]) as [simulator]:
        bmc = connect(simulator.address, simulator.credential, limit=1)
        console = bmc.console()
        with serial.accept()[0] as line:
            line.settimeout(30)
            with pytest.raises(BmcBusyError, match="somebody else has it open"):
                bmc.console()
            line.sendall(b"login: ")
            assert console.read(30) == b"login: "
            assert console.read(0.05) == b""
            console.write(b"root\r" * 100)
            typed = b""
            while len(typed) < 500:
                typed += line.recv(1000)
            assert typed == b"root\r" * 100
            sent = bytes(range(256)) * 40
            line.sendall(sent)
            shown = b""
            while len(shown) < len(sent):
                shown += console.read(30)
            assert shown == sent
            console.close()
            with pytest.raises(BmcUnreachableError, match="closed"):
                console.read(1)
            again = persist(bmc.console, Patience(total=60, first=0.1))
            simulator.stop()
            with pytest.raises(BmcUnreachableError):
                again.write(b"x")
        bmc.close()
