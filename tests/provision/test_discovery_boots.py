"""The real discovery system, in a virtual machine and in a container: it gets an address, tells, and obeys."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crowbar.provision.discovery import DiscoverySystem, build_discovery
from crowbar_inventory.hardware import BootMode
from crowbar_inventory.parse import parse
from tests.built import SHARED
from tests.inventory.admin import AdminNode
from tests.inventory.test_agent_install import MACHINE
from tests.inventory.test_agent_on_disk import MIB, make_image
from tests.provision.lan import Lan, lan

pytestmark = pytest.mark.machine
MAC = "52:54:00:aa:bb:01"
UUID = "4c4c4544-0031-5910-8052-b4c04f435931"
INVENTORY = "/v1/agent/inventory"
PATIENCE = 240  # of a loaded host; an idle one needs a twentieth


@pytest.fixture(scope="module")
def system() -> DiscoverySystem:
    return build_discovery(SHARED.discovery, print)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_image(tmp_path_factory.mktemp("image"))


def _order(admin: AdminNode, image: Path, disk: str) -> None:
    raw = image.read_bytes()
    packed = subprocess.run(["zstd", "-qc"], input=raw, stdout=subprocess.PIPE, check=True).stdout
    admin.downloads["/images/x"] = deque([packed])
    about = {"url": "/images/x", "sha256": hashlib.sha256(raw).hexdigest(), "size": len(raw)}
    admin.orders.append({"id": 1, "kind": "install", "params": {"image": about, "disk": disk, **MACHINE}})
    admin.orders.append({"id": 2, "kind": "power-off", "params": {}})


def _outcome(admin: AdminNode) -> dict[str, object]:
    admin.wait_for("/v1/agent/orders/2", PATIENCE)
    return admin.outcome("1")


@contextmanager
def _started(argv: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.terminate()  # systemd-nspawn takes its container with it, which it would not when killed
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        print(log.read_text(encoding="utf-8", errors="replace")[-3000:])


def _qemu(system: DiscoverySystem, network: Lan, disk: Path, log: Path) -> list[str]:
    words = f"console=tty0 console=ttyS0,115200 quiet crowbar.url={network.url} crowbar.token=one"
    return [
        *network.inside,
        *("qemu-system-x86_64", "-accel", "tcg,thread=multi", "-machine", "q35,graphics=off", "-cpu", "qemu64"),
        *("-smp", "1", "-m", "512", "-nodefaults", "-display", "none", "-vga", "none", "-no-reboot"),
        *("-uuid", UUID, "-smbios", "type=1,manufacturer=Example,product=Machine,serial=SN-7"),
        *("-kernel", str(system.kernel), "-initrd", str(system.initrd)),
        *("-append", f"{words} BOOTIF=01-{MAC.replace(':', '-')}"),
        *("-netdev", "tap,id=n0,ifname=lan0,script=no,downscript=no"),
        *("-device", f"virtio-net-pci,netdev=n0,mac={MAC},romfile=", "-device", "virtio-rng-pci"),
        *("-drive", f"file={disk},format=raw,if=none,id=d0", "-device", "virtio-blk-pci,drive=d0,serial=DISK-7"),
        *("-serial", f"file:{log}"),
    ]


def test_a_virtual_machine_is_discovered_and_installed(system: DiscoverySystem, image: Path, tmp_path: Path) -> None:
    disk = tmp_path / "vda"
    disk.write_bytes(b"\xa5" * (64 * MIB))
    cable = ("tuntap", "add", "lan0", "mode", "tap")
    name = f"crowbar-vm-{os.getpid()}"
    with lan(name, tmp_path, *cable) as network, AdminNode(listening=network.listening) as admin:
        begun = time.monotonic()
        console = tmp_path / "console"
        with _started(_qemu(system, network, disk, console), tmp_path / "qemu") as qemu:
            asked = admin.wait_for("/v1/agent/register", PATIENCE)
            found = admin.wait_for(INVENTORY, PATIENCE)
            told = time.monotonic()
            _order(admin, image, "DISK-7")
            outcome = _outcome(admin)
            installed = time.monotonic()
            assert qemu.wait(PATIENCE) == 0  # it powered itself off
        said = console.read_text(encoding="utf-8", errors="replace")
    sizes = f"initrd {system.initrd.stat().st_size / MIB:.0f} MiB, kernel {system.kernel.stat().st_size / MIB:.0f} MiB"
    print(f"QEMU start to inventory {told - begun:.1f} s, install {installed - told:.1f} s; {sizes}")
    assert (asked["token"], asked["boot_mac"]) == ("one", MAC)
    assert asked["identity"] == {"uuid": UUID, "serial": "SN-7", "macs": [MAC]}
    hardware, _ = parse(found["raw"])
    assert (hardware.vendor, hardware.product, hardware.boot_mode) == ("Example", "Machine", BootMode.BIOS)
    assert [(one.name, one.serial, one.size) for one in hardware.disks] == [("vda", "DISK-7", 64 * MIB)]
    (nic,) = hardware.nics
    assert (nic.mac, nic.driver, nic.link) == (MAC, "virtio_net", True)
    assert any(address.startswith("10.99.0.1") for address in nic.addresses)
    assert hardware.pci
    assert outcome["status"] == "succeeded", outcome
    assert b"node-7.rack.example" in disk.read_bytes()
    assert "crowbar: registered as node-1. welcome" in said


@pytest.fixture
def device(tmp_path: Path) -> Iterator[str]:
    backing = tmp_path / "backing"
    with backing.open("wb") as file:
        file.truncate(64 * MIB)
    made = subprocess.run(["losetup", "--find", "--show", str(backing)], capture_output=True, text=True, check=True)
    try:
        yield made.stdout.strip()
    finally:
        subprocess.run(["partx", "--delete", made.stdout.strip()], stderr=subprocess.DEVNULL, check=False)
        subprocess.run(["losetup", "--detach", made.stdout.strip()], check=True)


def _nspawn(system: DiscoverySystem, machine: str, device: str, etc: Path) -> list[str]:
    return [
        *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--timezone=off", "--resolv-conf=off"),
        *(f"--machine={machine}", f"--directory={system.root}", "--volatile=overlay", "--boot"),
        *(f"--network-namespace-path=/run/netns/{machine}", "--capability=CAP_NET_ADMIN"),
        *(f"--bind={device}:/dev/vda", f"--bind-ro={etc}:/etc/crowbar"),
    ]


def test_a_container_machine_is_discovered_and_installed(
    system: DiscoverySystem, image: Path, device: str, tmp_path: Path
) -> None:
    machine = f"crowbar-ct-{os.getpid()}"
    etc = tmp_path / "etc"
    etc.mkdir()
    dmidecode = f"System Information\n\tManufacturer: Example\n\tSerial Number: SN-7\n\tUUID: {UUID}\n"
    lsblk = {"blockdevices": [{"name": "vda", "type": "disk", "size": 64 * MIB, "serial": "DISK-7"}]}
    played = {"raw": {"dmidecode": dmidecode, "lsblk": json.dumps(lsblk)}, "disk": "/dev/vda"}
    (etc / "machine.json").write_text(json.dumps(played), encoding="utf-8")
    subprocess.run(["ip", "netns", "add", machine], check=True)
    cable = ("link", "add", "lan0", "type", "veth", "peer", "name", "eth0", "address", MAC, "netns", machine)
    try:
        with lan(f"{machine}-lan", tmp_path, *cable) as network, AdminNode(listening=network.listening) as admin:
            words = (
                f"crowbar.url={network.url} crowbar.token=one BOOTIF={MAC} crowbar.machine=/etc/crowbar/machine.json"
            )
            (etc / "arguments").write_text(f"{words}\n", encoding="utf-8")
            begun = time.monotonic()
            with _started(_nspawn(system, machine, device, etc), tmp_path / "nspawn") as nspawn:
                found = admin.wait_for(INVENTORY, PATIENCE)
                told = time.monotonic()
                _order(admin, image, "DISK-7")
                outcome = _outcome(admin)
                print(f"start to inventory {told - begun:.1f} s, install {time.monotonic() - told:.1f} s")
                assert nspawn.wait(30) == 0
    finally:
        subprocess.run(["ip", "netns", "delete", machine], check=True)
    hardware, unread = parse(found["raw"])
    assert unread == ()
    assert hardware.identity.uuid == UUID
    assert [one.mac for one in hardware.nics] == [MAC]
    assert [(one.name, one.serial) for one in hardware.disks] == [("vda", "DISK-7")]
    assert outcome["status"] == "succeeded", outcome
    assert b"node-7.rack.example" in (tmp_path / "backing").read_bytes()


def test_no_secret_of_the_host_and_nothing_needless_is_in_it(system: DiscoverySystem) -> None:
    assert not (system.root / "etc/apt").exists()
    assert not (system.root / "etc/shadow").exists()
    unpacked = sum(path.lstat().st_size for path in system.root.rglob("*") if path.is_file() and not path.is_symlink())
    print(f"unpacked {unpacked / MIB:.0f} MiB")
    assert unpacked < 120 * MIB
    assert system.initrd.stat().st_size < 60 * MIB
    done = subprocess.run(
        [
            "chroot",
            str(system.root),
            "sh",
            "-c",
            "for p in lspci lldpcli ipmitool smartctl zstd; do $p -V || $p -v; done",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "error while loading" not in done.stderr
    assert shutil.which("zstd", path=str(system.root / "usr/bin"))
