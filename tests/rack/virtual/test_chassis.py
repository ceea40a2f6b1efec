"""The programs that the BMC simulator runs, run as it does."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from crowbar.rack.virtual.bmc import config, simulator
from crowbar.rack.virtual.faults import Fault, FaultKind
from crowbar.rack.virtual.layout import MachineFolder
from crowbar.rack.virtual.orders import Order, parse_orders
from crowbar.rack.virtual.power import Event
from tests.rack.virtual.test_parts import MACHINE, RACK


@dataclass
class Chassis:
    """A machine's folder with its programs, and the end of the FIFO that the supervisor has."""

    folder: MachineFolder
    fifo: int

    def __call__(self, *words: str, code: int = 0, program: str = "chassis") -> str:
        argv = ["/bin/sh", "-c", f"./{program} {' '.join(words)}"]
        done = subprocess.run(argv, cwd=self.folder.root, capture_output=True, text=True, check=False, timeout=20)
        assert done.returncode == code, done
        assert done.stderr == ""
        return done.stdout

    def orders(self) -> list[Order]:
        try:
            return parse_orders(os.read(self.fifo, 4096))[0]
        except BlockingIOError:
            return []

    def wrong(self, kind: FaultKind) -> None:
        self.folder.fault.write_text(f"{Fault(kind).text()}\n")


@pytest.fixture
def chassis(tmp_path: Path) -> Iterator[Chassis]:
    folder = MachineFolder(tmp_path / "a rack" / "machines" / MACHINE.name)  # its path is nobody's argument
    folder.root.mkdir(parents=True)
    simulator.write_files(MACHINE, folder, RACK.bmc)
    folder.power.write_text("0\n")
    folder.boot.write_text("none\n")
    os.mkfifo(tmp_path / "a rack" / "orders")
    fifo = os.open(tmp_path / "a rack" / "orders", os.O_RDWR | os.O_NONBLOCK)
    yield Chassis(folder, fifo)
    os.close(fifo)


def test_power_is_told_as_ordered_at_once_and_the_order_goes_on(chassis: Chassis) -> None:
    assert chassis("get power") == "power:0\n"
    assert chassis('set power "1"') == ""
    assert chassis("get power") == "power:1\n"
    chassis('set power "0"')
    assert chassis("get power") == "power:0\n"
    assert chassis.orders() == [Order(MACHINE.name, Event.ON), Order(MACHINE.name, Event.OFF)]


def test_what_needs_power_is_refused_without(chassis: Chassis) -> None:
    for what in ("reset", "shutdown"):
        assert chassis(f'set {what} "1"', code=1) == "the power is off\n"
    assert chassis.orders() == []
    chassis.folder.power.write_text("1\n")
    chassis('set reset "1" shutdown "1"')
    assert chassis.orders() == [Order(MACHINE.name, Event.RESET), Order(MACHINE.name, Event.SOFT_OFF)]


def test_the_boot_device_is_kept_and_the_light_is_ordered(chassis: Chassis) -> None:
    chassis('set boot "pxe"')
    assert chassis("get boot power") == "boot:pxe\npower:0\n"
    chassis('set identify "15 0"')
    assert chassis.orders() == [Order(MACHINE.name, 15)]


def test_an_ignored_order_is_acknowledged_and_the_truth_told(chassis: Chassis) -> None:
    chassis.wrong(FaultKind.POWER_IGNORED)
    chassis('set power "1"')
    assert chassis("get power") == "power:0\n"
    assert chassis.orders() == []


def test_a_lie_is_told_until_it_is_lifted(chassis: Chassis) -> None:
    chassis.wrong(FaultKind.BMC_LIES)
    assert chassis("get power") == "power:0\n"
    chassis('set power "1" reset "1"')
    assert chassis("get power") == "power:1\n"
    assert chassis.orders() == []
    chassis.wrong(FaultKind.NONE)
    assert chassis("get power") == "power:0\n"


@pytest.mark.parametrize("words", ["get fan", "set fan 1", "fly power", "set power"])
def test_what_it_does_not_know_ends_in_an_error(words: str, chassis: Chassis) -> None:
    chassis(words, code=1)
    assert chassis.folder.boot.read_text() == "none\n"


def test_network_settings_are_told_and_stay(chassis: Chassis) -> None:
    asked = "get ip_addr subnet_mask mac_addr"
    expected = f"ip_addr:{MACHINE.bmc.address}\nsubnet_mask:255.255.255.0\nmac_addr:{MACHINE.bmc.mac}\n"
    assert chassis(asked, program="lan-settings") == expected
    assert chassis('set ip_addr "10.0.0.1"', program="lan-settings", code=1) == "fixed\n"
    assert config.lan_values(MACHINE, RACK.bmc) == (chassis.folder.root / "lan-values").read_text()


def test_what_holds_a_password_is_for_root_alone(chassis: Chassis) -> None:
    for path in chassis.folder.root.rglob("*"):
        if path.is_file() and MACHINE.bmc.password in path.read_bytes().decode("latin-1"):
            assert path.stat().st_mode & 0o077 == 0
            assert path.name == "lan.conf"
