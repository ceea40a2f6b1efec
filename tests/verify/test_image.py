"""The tiny image, really built and really booted (by QEMU's emulation, with a metadata service of this process)."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import paramiko
import pytest

from crowbar.verify.guest import Guest, host_key, new_key
from crowbar.verify.image import TinyImage, build_image
from crowbar.verify.poll import NotYet, until

pytestmark = pytest.mark.machine
CACHE = Path(__file__).parents[2] / ".cache" / "tiny-image"


@pytest.fixture(scope="module")
def image() -> TinyImage:
    """Built once, and kept for the next run of the tests."""
    return build_image(CACHE)


@pytest.fixture(scope="module")
def key() -> tuple[paramiko.Ed25519Key, str]:
    """The key that the metadata hand to the guest."""
    return new_key()


@pytest.fixture(scope="module")
def metadata(key: tuple[paramiko.Ed25519Key, str]) -> Iterator[int]:
    """The port of a metadata service that tells what Nova's does, in the same order."""
    document = json.dumps(
        {
            "uuid": "d8e02d56-2648-49a3-bf97-6be8f1204f38",
            "public_keys": {"crowbar": f"{key[1]} somebody's key\n"},
            "keys": [{"name": "crowbar", "type": "ssh", "data": key[1]}],
            "hostname": "guest-one",
            "name": "guest-one",
        }
    ).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/openstack/latest/meta_data.json" else 404)
            self.send_header("Content-Length", str(len(document)))
            self.end_headers()
            self.wfile.write(document)

        def log_message(self, template: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.1,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def machine(image: TinyImage, metadata: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A virtual machine of the image: the file of its console, and the socket of QEMU's monitor."""
    folder = tmp_path_factory.mktemp("machine")
    (folder / "volume").write_bytes(b"\0" * (32 << 20))
    network = (
        "user,id=net,net=169.254.169.0/24,hostfwd=tcp:127.0.0.1:0-:22,"
        f"guestfwd=tcp:169.254.169.254:80-tcp:127.0.0.1:{metadata}"
    )
    argv = ["qemu-system-x86_64", "-machine", "pc,accel=tcg", "-m", "128", "-display", "none", "-nodefaults"]
    argv += ["-drive", f"file={image.path},format=raw,if=virtio,snapshot=on", "-device", "virtio-rng-pci"]
    argv += ["-netdev", network, "-device", "virtio-net-pci,netdev=net", "-serial", f"file:{folder}/console"]
    argv += ["-drive", f"file={folder}/volume,format=raw,if=none,id=volume"]
    argv += ["-monitor", f"unix:{folder}/monitor,server,nowait"]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL)
    try:
        yield folder / "console", folder / "monitor"
    finally:
        process.terminate()
        process.wait(30)


def monitor(path: Path, command: str) -> str:
    """What QEMU answers to a command on its monitor."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        client.connect(str(path))
        client.recv(4096)  # its greeting
        client.sendall(command.encode() + b"\n")
        time.sleep(0.5)
        return client.recv(1 << 16).decode()


@pytest.fixture(scope="module")
def guest(machine: tuple[Path, Path], key: tuple[paramiko.Ed25519Key, str]) -> Iterator[Guest]:
    """Logged in to the guest, with the host key that it printed."""
    console, control = machine

    def ready() -> paramiko.PKey:
        text = console.read_text(errors="replace") if console.exists() else ""
        found = host_key(text)
        if found is None or "ready for SSH" not in text:
            raise NotYet(text[-2000:])
        return found

    known = until("The guest's SSH", ready, timeout=120, every=0.2)
    line = next(line for line in monitor(control, "info usernet").splitlines() if "HOST_FORWARD" in line)
    port = int(line.split()[3])
    with paramiko.SSHClient() as client:
        client.get_host_keys().add(f"[127.0.0.1]:{port}", "ssh-ed25519", known)
        client.connect("127.0.0.1", port, "root", pkey=key[0], allow_agent=False, look_for_keys=False)
        yield Guest(client)


def test_an_image_is_built_once(image: TinyImage) -> None:
    before = image.path.stat()
    assert build_image(CACHE) == image
    assert image.path.stat() == before
    assert image.path.stat().st_size < 32_000_000
    sector = image.path.read_bytes()[:512]
    assert sector[510:] == b"\x55\xaa"  # the BIOS boots it
    assert (sector[0x10], sector[0x15]) == (2, 0xF8)  # and Nova's inspection sees a raw disk in it


def test_the_guest_has_its_name_address_and_metadata(guest: Guest) -> None:
    assert guest.text("hostname") == "guest-one"
    assert "169.254.169.15/24" in guest.text("ip addr show dev eth0")
    assert json.loads(guest.run("cat /run/meta_data.json"))["name"] == "guest-one"


def test_a_disk_plugged_in_while_it_runs_is_found(guest: Guest, machine: tuple[Path, Path]) -> None:
    assert guest.text("ls /sys/block") == "vda"
    monitor(machine[1], "device_add virtio-blk-pci,drive=volume,id=plugged")

    def plugged() -> None:
        if "vdb" not in guest.text("ls /sys/block").split():
            raise NotYet("no vdb")

    until("The disk", plugged, timeout=20, every=0.2)
    guest.run("dd of=/dev/vdb bs=1M conv=fsync", stdin=b"crowbar" * 100_000)
    assert guest.run("head -c 7 /dev/vdb") == b"crowbar"


def test_the_power_button_ends_it(guest: Guest, machine: tuple[Path, Path]) -> None:
    assert guest.text("uptime")
    monitor(machine[1], "system_powerdown")

    def off() -> None:
        if "Power down" not in machine[0].read_text(errors="replace"):
            raise NotYet(machine[0].read_text(errors="replace")[-500:])

    until("Power off", off, timeout=20, every=0.2)
