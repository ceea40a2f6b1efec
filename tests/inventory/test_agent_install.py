"""Writing an image: what arrives is on the disk, and nothing else; what does not arrive whole is never booted."""

from __future__ import annotations

import hashlib
import random
import stat
import subprocess
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from crowbar_inventory.agent import agent, orders, reporting
from crowbar_inventory.agent.agent import Agent
from crowbar_inventory.agent.disks import Disk, choose
from crowbar_inventory.agent.errors import OrderError
from crowbar_inventory.agent.files import files, put
from crowbar_inventory.agent.settings import Settings
from tests.inventory.admin import AdminNode

MIB = 1 << 20
URL = "/images/node.raw.zst"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n-----END OPENSSH PRIVATE KEY-----\n"
NETWORK = {"mac": "52:54:00:00:00:07", "address": "10.0.0.7", "prefix": 24, "gateway": "10.0.0.1", "dns": ["10.0.0.1"]}
MACHINE = {
    "hostname": "node-7",
    "domain": "rack.example",
    "fqdn": "node-7.rack.example",
    "authorized_keys": ["ssh-ed25519 AAAA operator"],
    "host_key": {"private": KEY, "public": "ssh-ed25519 BBBB host"},
    "networks": [NETWORK],
}


def _raw() -> bytes:
    """An image of 11.5 MiB with zeros at the start, between, before what is none, and none at the end."""
    noise = random.Random(7).randbytes(MIB)
    return (
        bytes(512) + noise[512:] + noise + bytes(6 * MIB) + noise + bytes(MIB + 8192) + noise[8192:] + noise[: MIB // 2]
    )


RAW = _raw()


def _zstd(raw: bytes) -> bytes:
    return subprocess.run(["zstd", "-qc"], input=raw, stdout=subprocess.PIPE, check=True).stdout


PACKED = _zstd(RAW)


def _image(raw: bytes = RAW, packed: bytes = PACKED) -> dict[str, Any]:
    digests = {"sha256": hashlib.sha256(raw).hexdigest(), "compressed_sha256": hashlib.sha256(packed).hexdigest()}
    return {"url": URL, "size": len(raw), **digests}


@pytest.fixture
def admin() -> Iterator[AdminNode]:
    with AdminNode(downloads={URL: deque([PACKED])}) as node:
        yield node


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A disk of 16 MiB that is full of something."""
    path = tmp_path / "vda"
    path.write_bytes(b"\xa5" * (16 * MIB))
    return path


@pytest.fixture
def installer(admin: AdminNode, disk: Path, monkeypatch: pytest.MonkeyPatch) -> Agent:
    """An agent whose disk is a file: what only a block device can do is left out."""
    monkeypatch.setattr(agent, "back_off", lambda failures: 0.0)
    monkeypatch.setattr(Agent, "wait", lambda self, seconds: None)
    monkeypatch.setattr(orders, "grow", lambda disk: f"{disk.path}3")
    monkeypatch.setattr(orders, "configure", lambda device, folder, made: None)
    return Agent(Settings(admin.url, played={"disk": str(disk)}, state=disk.parent / "state"), print)


def _install(installer: Agent, admin: AdminNode, **params: Any) -> dict[str, Any]:
    admin.orders.append({"id": 9, "kind": "install", "params": {"image": _image(), "disk": "vda", **MACHINE, **params}})
    for _ in range(3):
        installer.step()
    return admin.outcome("9")


def test_all_of_it_is_on_the_disk_and_zeros_are_zeros(installer: Agent, admin: AdminNode, disk: Path) -> None:
    outcome = _install(installer, admin)
    assert outcome["status"] == "succeeded", outcome
    assert "vda is installed" in outcome["message"]
    written = disk.read_bytes()
    assert written[: len(RAW)] == RAW
    assert written[len(RAW) : 15 * MIB] == b"\xa5" * (15 * MIB - len(RAW))
    assert written[15 * MIB :] == bytes(MIB)  # an old backup of a partition table
    running = [body for body in admin.bodies("/v1/agent/orders/9") if body["status"] == "running"]
    assert running[0]["message"].startswith("writing 11 MiB to vda")


def test_an_image_that_is_damaged_on_the_way_is_fetched_again(installer: Agent, admin: AdminNode, disk: Path) -> None:
    flipped = bytearray(PACKED)
    flipped[len(flipped) // 2] ^= 1
    admin.downloads[URL] = deque([bytes(flipped), PACKED[: len(PACKED) // 2], PACKED])
    outcome = _install(installer, admin)
    assert outcome["status"] == "succeeded", outcome
    assert disk.read_bytes()[: len(RAW)] == RAW
    told = [body["message"] for body in admin.bodies("/v1/agent/orders/9")]
    assert any("starting over, try 3 of 3" in message for message in told)


@pytest.mark.parametrize(
    ("packed", "message"),
    [
        (PACKED[: len(PACKED) // 2], "the image ended after"),
        (_zstd(RAW[:-512]), f"the image ended after {len(RAW) - 512} of {len(RAW)} bytes"),
        (_zstd(RAW + bytes(512)), f"the image is longer than the {len(RAW)} bytes"),
        (_zstd(RAW[:-1] + b"\0"), "the image is damaged: its digest is"),
        (RAW, "unsupported format"),
        (b"", "the image ended after 0 of"),
    ],
)
def test_what_never_arrives_whole_is_no_disk_to_boot_from(
    packed: bytes, message: str, installer: Agent, admin: AdminNode, disk: Path
) -> None:
    admin.downloads[URL] = deque([packed])
    outcome = _install(installer, admin)
    assert outcome["status"] == "failed"
    assert message in outcome["message"]
    assert "given up after 3 tries" in outcome["message"]
    assert disk.read_bytes()[:MIB] == bytes(MIB)
    assert disk.read_bytes()[-MIB:] == bytes(MIB)
    assert _install(installer, admin)["status"] == "failed"  # and it does as it is told again


def test_one_that_is_not_there(installer: Agent, admin: AdminNode) -> None:
    admin.downloads.clear()
    assert f"answers 404 to {URL}" in _install(installer, admin)["message"]


def test_a_disk_that_is_too_small_is_not_touched(installer: Agent, admin: AdminNode, disk: Path) -> None:
    disk.write_bytes(b"\xa5" * (8 * MIB))
    outcome = _install(installer, admin)
    assert outcome["status"] == "failed"
    assert f"too small: it has {8 * MIB} bytes, and the image needs {len(RAW)}" in outcome["message"]
    assert disk.read_bytes() == b"\xa5" * (8 * MIB)


def test_large_sectors_are_refused(installer: Agent, admin: AdminNode, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "disks", lambda played: [Disk("vda", "/dev/null", 1 << 40, sector=4096)])
    assert "sectors of 4096 bytes" in _install(installer, admin)["message"]


def test_an_order_that_is_withdrawn_is_stopped(
    installer: Agent, admin: AdminNode, disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "_REPORT_EVERY", 0.0)
    admin.answers["/v1/agent/orders/9"] = deque([(200, {}), (200, {}), (404, {"message": "cancelled"})])
    outcome = _install(installer, admin)
    assert (outcome["status"], outcome["message"]) == ("failed", "the order is withdrawn (404): cancelled")
    assert disk.read_bytes()[:MIB] == bytes(MIB)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": {**_image(), "sha256": "x"}}, "sha256"),
        ({"image": {**_image(), "size": "1"}}, "size must be a whole number"),
        ({"image": {**_image(), "size": 3 * MIB + 1}}, "whole number of sectors"),
        ({"image": {**_image(), "url": "http://elsewhere.example/"}}, "url"),
        ({"disk": 7}, "disk must be a text"),
        ({"disk": "sda"}, "no disks are called 'sda'"),
        ({"hostname": "node 7"}, "hostname"),
        ({"hostname": "../etc"}, "hostname"),
        ({"networks": [{**NETWORK, "mac": "x"}]}, "mac"),
        ({"networks": [{**NETWORK, "address": "10.0.0.7\nDNS=1.1.1.1"}]}, "address"),
        ({"networks": "all"}, "networks"),
        ({"files": [{"path": "/etc/../../x", "content": ""}]}, "path"),
        ({"files": [{"path": "/etc/x", "content": 7}]}, "content"),
        ({"files": [{"path": "/etc/x", "content": "", "mode": 0o4755}]}, "mode"),
    ],
)
def test_an_order_is_looked_at_as_a_whole_before_anything_is_written(
    change: dict[str, Any], message: str, installer: Agent, admin: AdminNode, disk: Path
) -> None:
    outcome = _install(installer, admin, **change)
    assert outcome["status"] == "failed"
    assert message in outcome["message"]
    assert disk.read_bytes() == b"\xa5" * (16 * MIB)


def test_the_right_disk() -> None:
    found = [Disk("sda", "/dev/sda", 1, "ONE"), Disk("sdb", "/dev/sdb", 1, "TWO"), Disk("sdc", "/dev/sdc", 1, "TWO")]
    assert choose("ONE", found).name == "sda"
    assert choose("sdc", found).name == "sdc"
    with pytest.raises(OrderError, match=r"2 disks are called 'TWO'; .* sdb \(TWO\)"):
        choose("TWO", found)
    with pytest.raises(OrderError, match="this machine has: none"):
        choose("sda", [])


def test_what_makes_it_this_machine(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hostname").write_text("image\n", encoding="utf-8")
    (tmp_path / "etc/resolv.conf").symlink_to("/run/nowhere")
    put(tmp_path, files({**MACHINE, "files": [{"path": "/etc/a/b", "content": "x", "mode": 0o640}]}))
    texts = {str(path.relative_to(tmp_path)): path for path in tmp_path.rglob("*") if path.is_file()}
    content = {name: path.read_text(encoding="utf-8") for name, path in texts.items()}
    assert content["etc/hostname"] == "node-7\n"
    assert "10.0.0.7 node-7.rack.example node-7\n" in content["etc/hosts"]
    assert len(content["etc/machine-id"]) == 33
    assert content["root/.ssh/authorized_keys"] == "ssh-ed25519 AAAA operator\n"
    assert content["etc/ssh/ssh_host_ed25519_key"] == KEY
    assert content["etc/resolv.conf"] == "search rack.example\nnameserver 10.0.0.1\n"
    network = content["etc/systemd/network/10-crowbar-525400000007.network"].splitlines()
    assert {"MACAddress=52:54:00:00:00:07", "Address=10.0.0.7/24", "Gateway=10.0.0.1"} <= set(network)
    modes = {name: stat.S_IMODE(path.stat().st_mode) for name, path in texts.items()}
    assert modes["etc/ssh/ssh_host_ed25519_key"] == modes["root/.ssh/authorized_keys"] == 0o600
    assert modes["etc/a/b"] == 0o640
    assert modes["etc/hostname"] == 0o644
    assert stat.S_IMODE((tmp_path / "root/.ssh").stat().st_mode) == 0o700
    assert not (tmp_path / "etc/resolv.conf").is_symlink()


def test_a_machine_without_an_address_asks_for_one() -> None:
    made = files({"hostname": "n", "networks": [{"mac": "52:54:00:00:00:07"}]})
    assert "DHCP=yes" in made["etc/systemd/network/10-crowbar-525400000007.network"][0]
    assert "127.0.1.1 n\n" in files({"hostname": "n"})["etc/hosts"][0]


def test_two_machines_are_told_apart() -> None:
    first, second = (files({"hostname": "n"})["etc/machine-id"] for _ in range(2))
    assert first != second


def test_wiped_disks_have_nothing_at_their_ends(installer: Agent, admin: AdminNode, disk: Path) -> None:
    admin.orders.append({"id": 4, "kind": "wipe", "params": {"disks": "all"}})
    for _ in range(3):
        installer.step()
    assert admin.outcome("4") == {"status": "succeeded", "progress": 100, "message": "1 disks wiped: vda"}
    assert disk.read_bytes()[:MIB] == disk.read_bytes()[-MIB:] == bytes(MIB)
