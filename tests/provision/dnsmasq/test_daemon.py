"""dnsmasq itself, in a network namespace, asked by a client in another one."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from crowbar.errors import EnvironmentFault, InputError
from crowbar.provision.boot import find_binaries
from crowbar.provision.dnsmasq import DhcpConfig, DhcpHost, DhcpMode, Dnsmasq
from crowbar.store.machine_model import MachineEvent
from tests.provision.dnsmasq.examples import CONFIG, host, mac
from tests.provision.dnsmasq.lan import (
    CLIENT_ARCH,
    CLIENT_ID,
    DISCOVER,
    IPXE,
    NAK,
    OFFER,
    REQUEST,
    VENDOR_CLASS,
    DhcpClient,
    Lan,
    inside,
    lan,
    tftp,
)

pytestmark = pytest.mark.machine
_BIOS = {VENDOR_CLASS: b"PXEClient:Arch:00000:UNDI:002001", CLIENT_ARCH: b"\0\0"}
_UEFI = {VENDOR_CLASS: b"PXEClient:Arch:00007:UNDI:003016", CLIENT_ARCH: b"\0\7"}
_HTTP = {VENDOR_CLASS: b"HTTPClient:Arch:00016:UNDI:003001", CLIENT_ARCH: b"\0\x10"}


class Events(list[MachineEvent]):
    """What was told, to be waited for."""

    def kinds(self, of: str = "") -> list[str]:
        return [event.kind for event in self if of in ("", event.data.get("mac"))]

    def until(self, kind: str, times: int = 1, of: str = "") -> None:
        _until(lambda: self.kinds(of).count(kind) >= times)


def _until(reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not reached():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def cable() -> Iterator[Lan]:
    with lan("dhcp") as made:
        yield made


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder that dnsmasq's own user can enter, as pytest's is not."""
    path = Path(f"/run/crowbar-test-{os.getpid()}") / "dnsmasq"
    path.parent.mkdir(mode=0o755)
    yield path
    shutil.rmtree(path.parent)


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def serve(cable: Lan, folder: Path, events: Events) -> Iterator[Callable[..., Dnsmasq]]:
    made: list[Dnsmasq] = []

    def start(config: DhcpConfig = CONFIG, *hosts: DhcpHost) -> Dnsmasq:
        made.append(Dnsmasq(config, folder, events.append, hosts))
        with inside(cable.server):
            made[-1].start()
        return made[-1]

    yield start
    for each in made:
        each.stop()


def test_every_firmware_gets_an_address_and_its_program(
    cable: Lan, serve: Callable[..., Dnsmasq], events: Events
) -> None:
    serve()
    answers = {}
    for name, options in {"bios": _BIOS, "uefi": _UEFI, "http": _HTTP, "ipxe": {**_BIOS, IPXE: b"\xb1\1\1"}}.items():
        with DhcpClient(cable, mac(1), {**options, CLIENT_ID: name.encode()}) as client:
            answers[name] = client.boot()
    assert answers["bios"].file == "undionly.kpxe"
    assert answers["uefi"].file == "snponly.efi"
    assert answers["http"].file == "http://10.99.7.1:8080/ipxe/snponly.efi"
    assert answers["http"].options[VENDOR_CLASS] == b"HTTPClient"
    assert answers["ipxe"].file.startswith("http://10.99.7.1:8080/boot.ipxe?mac=${mac}&")
    # One card is one machine, whatever the programs that drive it call themselves.
    assert len({answer.address for answer in answers.values()}) == 1
    assert 3 not in answers["bios"].options  # no router: there is none
    assert tftp(cable, "10.99.7.1", "undionly.kpxe", answers["bios"].address) == (
        find_binaries()["undionly.kpxe"].read_bytes()
    )
    events.until("tftp.sent", of=mac(1))
    assert events.kinds(mac(1))[:4] == ["dhcp.discover", "dhcp.offer", "dhcp.request", "dhcp.ack"]
    with pytest.raises(FileNotFoundError):
        tftp(cable, "10.99.7.1", "../dnsmasq.conf", answers["bios"].address)


def test_known_machines_have_their_addresses_and_new_ones_are_known_at_once(
    cable: Lan, serve: Callable[..., Dnsmasq], events: Events
) -> None:
    served = serve(CONFIG, host(20, "node20"))
    with DhcpClient(cable, mac(20)) as client:
        assert client.boot().address == "10.99.7.20"
    with DhcpClient(cable, mac(21)) as client:
        before = client.boot().address
    pid = served.pid
    served.set_hosts([host(20), host(21, "node21")])
    with DhcpClient(cable, mac(21)) as client:
        _until(lambda: _told(client.ask(REQUEST, {50: socket.inet_aton(before)})) == NAK)  # the old one no longer
        after = client.boot()
    assert (after.address, after.options[12]) == ("10.99.7.21", b"node21")
    assert served.pid == pid
    with pytest.raises(InputError, match="another host's"):
        served.set_hosts([host(20), host(20)])


def _told(answer: object) -> object:
    return getattr(answer, "kind", None)


def test_a_range_that_has_none_left_is_told(cable: Lan, serve: Callable[..., Dnsmasq], events: Events) -> None:
    served = serve(replace(CONFIG, dynamic=(CONFIG.dynamic[0], CONFIG.dynamic[0]) if CONFIG.dynamic else None))
    with DhcpClient(cable, mac(1)) as client:
        client.boot()
    with DhcpClient(cable, mac(2)) as client:
        assert client.ask(DISCOVER, patience=0.5) is None
        events.until("dhcp.no-address", of=mac(2))
        served.set_hosts([host(2)])  # the fault is lifted: the next try succeeds
        _until(lambda: _told(client.ask(DISCOVER, patience=1)) == OFFER)


def test_killed_it_is_started_again_with_what_it_knew(
    cable: Lan, serve: Callable[..., Dnsmasq], events: Events
) -> None:
    served = serve(CONFIG, host(20))
    with DhcpClient(cable, mac(1)) as client:
        given = client.boot().address
    first = served.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    events.until("dnsmasq.ended")
    served.set_hosts([host(20), host(30)])  # while it is away
    events.until("dnsmasq.started", times=2)
    assert served.pid not in (None, first)
    with DhcpClient(cable, mac(30)) as client:
        assert client.boot().address == "10.99.7.30"
    with DhcpClient(cable, mac(1)) as client:
        assert client.boot().address == given


def test_where_no_process_can_be_begun_for_a_while_it_is_tried_until_one_can(
    cable: Lan, serve: Callable[..., Dnsmasq], events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve(CONFIG, host(30))
    spawn, refusals = served._spawn, iter([OSError(errno.ENOMEM, "Cannot allocate memory")] * 2)

    def short_of_memory() -> None:
        for refusal in refusals:
            raise refusal
        spawn()

    monkeypatch.setattr(served, "_spawn", short_of_memory)
    assert served.pid is not None
    os.kill(served.pid, signal.SIGKILL)
    events.until("dnsmasq.started", times=2)
    assert [one.message for one in events if one.kind == "dnsmasq.ended"][1:] == [
        "dnsmasq cannot be started: Cannot allocate memory"
    ] * 2
    with DhcpClient(cable, mac(30)) as client:
        assert client.boot().address == "10.99.7.30"


def test_a_taken_port_is_told_and_the_leftover_of_a_killed_service_is_none(
    cable: Lan, serve: Callable[..., Dnsmasq], folder: Path, events: Events
) -> None:
    killed = serve()  # its service will not stop it
    pid = killed.pid
    with inside(cable.server), pytest.raises(EnvironmentFault, match=rf"67 \(DHCP\).*dnsmasq \(process {pid}\)"):
        Dnsmasq(CONFIG, folder.parent / "another", events.append).start()
    killed._stopping.set()
    serve()
    events.until("dnsmasq.started", times=2)
    assert pid is not None and not Path(f"/proc/{pid}").exists()


def test_it_stops_in_order_and_leaves_no_address(cable: Lan, serve: Callable[..., Dnsmasq]) -> None:
    served = serve()
    prefix = str(CONFIG.advertised).replace("/64", "1/64")
    listing = ["ip", "-n", cable.server, "-6", "address", "show", "dev", "admin0"]
    assert prefix in subprocess.run(listing, capture_output=True, text=True, check=True).stdout
    owner = Path(f"/proc/{served.pid}").stat().st_uid
    assert owner != 0
    served.stop()
    served.stop()
    assert served.pid is None
    assert prefix not in subprocess.run(listing, capture_output=True, text=True, check=True).stdout


def test_what_dnsmasq_refuses_is_told_in_its_words(cable: Lan, serve: Callable[..., Dnsmasq]) -> None:
    with pytest.raises(EnvironmentFault, match="unknown interface nothere0"):
        serve(replace(CONFIG, interface="nothere0"))


def test_beside_another_dhcp_server_it_only_says_where_to_boot(cable: Lan, serve: Callable[..., Dnsmasq]) -> None:
    serve(replace(CONFIG, mode=DhcpMode.PROXY))
    machine = {97: bytes(17)}  # a PXE client's UUID, which it must have here
    with DhcpClient(cable, mac(1), {**_BIOS, **machine}) as client:
        answer = client.ask(DISCOVER)
    assert answer is not None and answer.address == "0.0.0.0"
    assert b"Crowbar" in answer.options[43]
    with DhcpClient(cable, mac(1), {**_BIOS, **machine, IPXE: b"\xb1\1\1"}) as client:
        answer = client.ask(DISCOVER)
    assert answer is not None and answer.file.startswith("http://10.99.7.1:8080/boot.ipxe?")
    with DhcpClient(cable, mac(1)) as client:
        assert client.ask(DISCOVER, patience=0.5) is None  # the other server's business
