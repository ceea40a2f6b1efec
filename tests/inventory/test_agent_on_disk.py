"""A whole install on a real block device, as in a container machine: written, grown, mounted, configured."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from crowbar_inventory.agent.agent import Agent
from crowbar_inventory.agent.settings import Settings
from tests.inventory.admin import AdminNode
from tests.inventory.test_agent_install import MACHINE

pytestmark = pytest.mark.machine
MIB = 1 << 20
TABLE = "label: gpt\nstart=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649\nstart=4096, size=%d, name=root\n"
ROOT_MIB = 24


def make_image(folder: Path) -> Path:
    """A disk image with a root file system in its last partition."""
    root, raw = folder / "root", folder / "node.raw"
    (root / "etc").mkdir(parents=True)
    (root / "etc/big").write_bytes(os.urandom(3 * MIB) + bytes(4 * MIB) + b"end")
    with raw.open("wb") as file:
        file.truncate((2 + ROOT_MIB + 1) * MIB)
    table = TABLE % (ROOT_MIB * MIB // 512)
    subprocess.run(["sfdisk", "-q", str(raw)], input=table, text=True, check=True)
    size = f"{ROOT_MIB * 1024}k"
    options = ["-q", "-L", "root", "-d", str(root), "-E", f"offset={2 * MIB}"]
    subprocess.run(["mke2fs", "-t", "ext4", *options, str(raw), size], check=True)
    return raw


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_image(tmp_path_factory.mktemp("image"))


@pytest.fixture
def device(tmp_path: Path) -> Iterator[str]:
    """A disk of 64 MiB that had something on it."""
    backing = tmp_path / "backing"
    backing.write_bytes(b"\xa5" * (64 * MIB))
    made = subprocess.run(["losetup", "--find", "--show", str(backing)], capture_output=True, text=True, check=True)
    try:
        yield made.stdout.strip()
    finally:
        subprocess.run(["partx", "--delete", made.stdout.strip()], stderr=subprocess.DEVNULL, check=False)
        subprocess.run(["losetup", "--detach", made.stdout.strip()], check=True)
        Path("/dev/crowbar-root").unlink(missing_ok=True)


def test_a_machine_is_installed_twice(image: Path, device: str, tmp_path: Path) -> None:
    raw = image.read_bytes()
    packed = subprocess.run(["zstd", "-qc"], input=raw, stdout=subprocess.PIPE, check=True).stdout
    about = {"url": "/images/x.raw.zst", "sha256": hashlib.sha256(raw).hexdigest(), "size": len(raw)}
    params = {"image": about, "disk": Path(device).name, **MACHINE}
    state = tmp_path / "state"
    with AdminNode(downloads={"/images/x.raw.zst": deque([packed])}) as admin:
        agent = Agent(Settings(admin.url, played={"disk": device}, state=state), print)
        for attempt in ("1", "2"):
            admin.orders.append({"id": attempt, "kind": "install", "params": params})
            for _ in range(3):
                agent.step()
            assert admin.outcome(attempt)["status"] == "succeeded", admin.outcome(attempt)
            _look(device, image, state / "look")


def _look(device: str, image: Path, mounted: Path) -> None:
    offset = 2 * MIB
    mounted.mkdir(exist_ok=True)
    subprocess.run(["e2fsck", "-fn", f"{device}?offset={offset}"], check=True, stdout=subprocess.DEVNULL)
    node = "/dev/crowbar-root" if Path("/dev/crowbar-root").exists() else f"{device}p2"
    subprocess.run(["mount", "-o", "ro", node, str(mounted)], check=True)
    try:
        assert (mounted / "etc/hostname").read_text() == "node-7\n"
        assert (mounted / "etc/big").read_bytes() == (image.parent / "root/etc/big").read_bytes()
        space = os.statvfs(mounted)
        assert space.f_blocks * space.f_frsize > (ROOT_MIB + 16) * MIB  # it takes all of the disk now
    finally:
        subprocess.run(["umount", str(mounted)], check=True)
