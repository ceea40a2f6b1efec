from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from crowbar_inventory.bmc.connect import connect
from crowbar_inventory.bmc.model import (
    Bmc,
    BmcAddress,
    BmcBusyError,
    BmcError,
    BmcLiedError,
    BmcRefusedError,
    BmcUnreachableError,
    BmcUnsupportedError,
    BootDevice,
    Credential,
    Power,
    PowerAction,
    Sensor,
)
from crowbar_inventory.bmc.survey import survey
from tests.inventory.bmc.redfish_server import CREDENTIAL, SYSTEM, RedfishServer, certificate, serving


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return certificate(tmp_path_factory.mktemp("redfish"))


@pytest.fixture
def server(pems: tuple[Path, Path]) -> Iterator[RedfishServer]:
    with serving(*pems) as server:
        yield server


@pytest.fixture
def bmc(server: RedfishServer, pems: tuple[Path, Path]) -> Bmc:
    return connect(server.address, CREDENTIAL, limit=10, trust=pems[0])


def test_power_is_ordered_by_what_the_bmc_allows_and_seen_to_be_so(bmc: Bmc, server: RedfishServer) -> None:
    assert bmc.power() is Power.OFF
    assert bmc.set_power(PowerAction.RESET, wait=20) is Power.ON
    assert bmc.set_power(PowerAction.CYCLE, wait=20) is Power.ON
    assert bmc.set_power(PowerAction.SOFT_OFF, wait=20) is Power.OFF
    assert server.orders == ["reset On", "reset ForceRestart", "reset GracefulShutdown"]


def test_a_bmc_that_takes_an_order_and_does_nothing_has_lied(bmc: Bmc, server: RedfishServer) -> None:
    server.ignore = True
    with pytest.raises(BmcLiedError):
        bmc.set_power(PowerAction.ON, wait=0.1)


@pytest.mark.parametrize(
    ("device", "uefi", "boot"),
    [
        (BootDevice.PXE, True, ("Pxe", "Once", "UEFI")),
        (BootDevice.DISK, False, ("Hdd", "Once", "Legacy")),
        (BootDevice.SETUP, True, ("BiosSetup", "Once", "UEFI")),
        (BootDevice.DEFAULT, False, ("None", "Disabled", "UEFI")),
    ],
)
def test_the_boot_device_is_set_for_one_boot(
    bmc: Bmc, server: RedfishServer, device: BootDevice, uefi: bool, boot: tuple[str, str, str]
) -> None:
    bmc.set_boot_device(device, uefi=uefi)
    found = server.system["Boot"]
    assert tuple(found[f"BootSourceOverride{name}"] for name in ("Target", "Enabled", "Mode")) == boot


def test_the_mode_is_left_alone_where_the_bmc_has_none(bmc: Bmc, server: RedfishServer) -> None:
    del server.system["Boot"]["BootSourceOverrideMode"]
    bmc.set_boot_device(BootDevice.PXE)
    assert "Mode" not in server.orders[0]


def test_the_light_goes_on_and_out(bmc: Bmc, server: RedfishServer) -> None:
    bmc.identify(10)
    assert server.system["IndicatorLED"] == "Blinking"
    bmc.identify(0)
    assert server.system["IndicatorLED"] == "Off"


def test_what_the_bmc_knows_is_read(bmc: Bmc) -> None:
    assert bmc.sensors() == [
        Sensor("CPU Temp", "Temperature", 42.0, "°C", "ok"),
        Sensor("Fan 1", "Fan", 900.0, "RPM", "critical"),
        Sensor("PSU 1", "Power supply", None, "W", "unknown"),
    ]
    assert bmc.fru() == {
        "manufacturer": "Crowbar",
        "product": "Virtual server",
        "serial": "S-4711",
        "uuid": "a1b2c3d4-0000-4000-8000-000000000001",
    }
    assert bmc.firmware() == "2.71"
    assert bmc.users() == {2: "root"}
    lan = bmc.lan()
    assert (lan.address, lan.mac, lan.gateway, lan.source) == ("10.9.0.5", "52:54:00:ab:cd:ef", "10.9.0.1", "dhcp")
    with pytest.raises(BmcUnsupportedError):
        bmc.console()


def test_the_system_can_be_named(server: RedfishServer, pems: tuple[Path, Path]) -> None:
    server.documents["/redfish/v1/Systems"]["Members"].append({"@odata.id": "/redfish/v1/Systems/2"})
    server.documents["/redfish/v1/Systems/2"] = {**server.system, "PowerState": "On"}
    for path, power in (("/1", Power.OFF), (SYSTEM, Power.OFF), ("/2", Power.ON)):
        assert connect(replace(server.address, path=path), CREDENTIAL, trust=pems[0]).power() is power
    with pytest.raises(BmcUnsupportedError, match="System count is not exactly one"):
        connect(server.address, CREDENTIAL, trust=pems[0])
    with pytest.raises(BmcUnsupportedError, match="HTTP 404"):
        connect(replace(server.address, path="/3"), CREDENTIAL, trust=pems[0])


def test_a_survey_reads_it_too(server: RedfishServer, pems: tuple[Path, Path]) -> None:
    [reading] = survey([(server.address, CREDENTIAL)], trust=pems[0])
    assert (reading.power, reading.error) == (Power.OFF, None)


def test_a_wrong_password_is_refused_and_not_repeated(server: RedfishServer, pems: tuple[Path, Path]) -> None:
    with pytest.raises(BmcRefusedError) as caught:
        connect(server.address, Credential("root", "hunter2"), trust=pems[0])
    assert "hunter2" not in str(caught.value)


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(server: RedfishServer) -> None:
    with pytest.raises(BmcError, match="certificate is not trusted") as caught:
        connect(server.address, CREDENTIAL)
    assert not caught.value.retry
    assert server.orders == []


@pytest.mark.parametrize(
    ("fault", "kind", "says"),
    [
        ((503, b"{}"), BmcBusyError, "HTTP 503"),
        ((500, b"no json"), BmcError, "HTTP 500"),
        ((404, b"{}"), BmcUnsupportedError, "HTTP 404"),
        ((200, b"[]"), BmcError, "read the power"),
        ((200, b"{"), BmcError, "read the power"),
        ((200, b" " * (5 * 2**20)), BmcError, "more than 4194304 bytes"),
    ],
)
def test_a_broken_answer_is_an_error_of_its_kind(
    bmc: Bmc, server: RedfishServer, fault: tuple[int, bytes], kind: type[BmcError], says: str
) -> None:
    server.fault = fault
    with pytest.raises(kind, match=says):
        bmc.power()
    server.fault = None
    assert bmc.power() is Power.OFF


def test_a_link_to_another_host_is_not_followed(bmc: Bmc, server: RedfishServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        other.settimeout(0.2)
        place = f"https://127.0.0.1:{other.getsockname()[1]}/users"
        server.documents["/redfish/v1/AccountService"]["Accounts"]["@odata.id"] = place
        with pytest.raises(BmcUnreachableError, match="No connection adapters"):
            bmc.users()
        with pytest.raises(TimeoutError):
            other.accept()


def test_a_bmc_that_hangs_or_is_not_there_is_unreachable_within_the_limit(pems: tuple[Path, Path]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = BmcAddress("redfish", "127.0.0.1", silent.getsockname()[1])
        begun = time.monotonic()
        with pytest.raises(BmcUnreachableError):
            connect(address, CREDENTIAL, limit=0.2, trust=pems[0])
        assert time.monotonic() - begun < 5
    with pytest.raises(BmcUnreachableError):
        connect(address, CREDENTIAL, limit=0.2, trust=pems[0])
