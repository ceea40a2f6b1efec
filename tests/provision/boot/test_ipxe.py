"""Real firmware that boots from the network: by DHCP and TFTP of our dnsmasq, it obeys the scripts it is given."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from crowbar.provision.boot import BootRequest, local_disk_script, parse_request, wait_script
from crowbar.provision.disk import grub
from crowbar.provision.disk.bios import write_loader
from crowbar.provision.disk.layout import Layout
from crowbar.provision.dnsmasq import Dnsmasq
from crowbar.store.machine_model import MachineEvent
from crowbar_inventory.hardware import BootMode
from tests.provision.dnsmasq.examples import CONFIG
from tests.provision.dnsmasq.lan import Lan, inside, lan
from tests.provision.dnsmasq.test_daemon import folder as folder  # noqa: PLC0414 - a fixture
from tests.provision.machine import MAC, SERIAL, UUID, lacking, machine

pytestmark = [pytest.mark.machine, pytest.mark.timeout(600)]
_PATIENCE = 400.0
_WAIT = wait_script(CONFIG.base_url, "This machine waits for approval.", 1)
# What the ROM of a real card does after DHCP; QEMU's has an iPXE of its own.
_CHAIN = "#!ipxe\nchain --autofree tftp://10.99.7.1/undionly.kpxe\n"


@contextmanager
def _scripts(cable: Lan, answers: list[str]) -> Iterator[list[str]]:
    """An HTTP server that gives one script after the other; the queries that it got."""
    queries: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            queries.append(urlsplit(self.path).query)
            body = answers[min(len(queries), len(answers)) - 1].encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with inside(cable.server):
        server = ThreadingHTTPServer(("10.99.7.1", 8080), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield queries
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def cable() -> Iterator[Lan]:
    """The client's end is a switch that a virtual machine is plugged into."""
    with lan("pxe") as made:
        for words in (
            "link add switch0 type bridge",
            "link set boot0 master switch0",
            "tuntap add tap0 mode tap",
            "link set tap0 master switch0 up",
            "link set switch0 up",
        ):
            subprocess.run(["ip", "-n", made.client, *words.split()], check=True)
        yield made


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A disk with GRUB on it and nothing for it to start."""
    path, layout = tmp_path / "disk.raw", Layout(root_mib=1)
    with path.open("wb") as made:
        made.truncate(layout.size)
    subprocess.run(["sfdisk", "-q", str(path)], input=layout.sfdisk(), text=True, check=True, capture_output=True)
    with path.open("r+b") as opened:
        write_loader(opened, layout, *grub.bios_images(tmp_path))
        opened.seek(layout.esp.start)
        opened.write(grub.esp_image(tmp_path, layout).read_bytes())
    return path


@pytest.mark.parametrize("firmware", [BootMode.BIOS, BootMode.UEFI])
def test_a_machine_asks_waits_and_is_sent_to_its_disk(
    cable: Lan, disk: Path, folder: Path, firmware: BootMode, tmp_path: Path
) -> None:
    if reason := lacking(firmware):
        pytest.skip(reason)
    # OVMF tries the card's other protocols next, for two minutes, and then the disk.
    goes_on = "Welcome to GRUB" if firmware is BootMode.BIOS else "BdsDxe: failed to start Boot"
    answers = [*([_CHAIN] if firmware is BootMode.BIOS else []), _WAIT, local_disk_script(firmware)]
    events: list[MachineEvent] = []
    network = ["-netdev", "tap,id=n0,ifname=tap0,script=no,downscript=no"]
    rom = "" if firmware is BootMode.BIOS else ",romfile="
    network += ["-device", f"virtio-net-pci,netdev=n0,mac={MAC},bootindex=0{rom}"]
    network += ["-device", "virtio-blk-pci,drive=disk0" + (",bootindex=1" if firmware is BootMode.UEFI else "")]
    served = Dnsmasq(CONFIG, folder, events.append)
    with _scripts(cable, answers) as queries:
        with inside(cable.server):
            served.start()
        try:
            with machine(tmp_path, disk, firmware, network, inside(cable.client)) as booted:
                waits = booted.until("This machine waits for approval.", _PATIENCE)
                ended = booted.until(goes_on, _PATIENCE)
                print(f"{firmware}: waits {waits:.1f} s, goes on {ended:.1f} s")
        finally:
            served.stop()
    asked = [parse_request(query) for query in queries]
    assert asked == [BootRequest(MAC, UUID, SERIAL, firmware)] * len(answers)
    assert "Crowbar: starting from the disk" in booted.console()
    program = "undionly.kpxe" if firmware is BootMode.BIOS else "snponly.efi"
    sent = [event for event in events if event.kind == "tftp.sent"]
    assert [(event.data["file"], event.data["mac"]) for event in sent][-1:] == [(program, MAC)]
    assert not [event for event in events if event.kind in ("dhcp.no-address", "dhcp.nak", "dnsmasq.ended")]
