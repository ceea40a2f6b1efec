"""Packing as far as files go: the disk itself is a few bytes here."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from crowbar.errors import EnvironmentFault
from crowbar.provision.disk import DiskImage, find_disk, grub, pack, pack_disk, process
from crowbar.provision.disk.additions import additions, write_additions
from crowbar.provision.disk.layout import Layout
from crowbar.provision.image import Image

CONTENT = b"disk" * 10_000


@pytest.fixture
def image(tmp_path: Path) -> Image:
    root = tmp_path / "images" / "abc" / "root"
    (root / "boot").mkdir(parents=True)
    (root / "boot/vmlinuz-6.12.1-amd64").write_bytes(b"x" * 5000)
    (root / "vmlinuz").symlink_to("boot/vmlinuz-6.12.1-amd64")
    (root / "usr/sbin").mkdir(parents=True)
    (root / "usr/sbin/mkinitramfs").touch()
    return Image(root, "abc", built=False)


@pytest.fixture
def packs(tmp_path: Path, image: Image, monkeypatch: pytest.MonkeyPatch) -> Callable[[], DiskImage]:
    def make(root: Path, layout: Layout, folder: Path) -> Path:
        (folder / "disk.raw").write_bytes(CONTENT)
        return folder / "disk.raw"

    monkeypatch.setattr(pack, "_make", make)
    monkeypatch.setattr(pack, "check_host", lambda: None)
    return lambda: pack_disk(image, tmp_path / "disks", lambda line: None)


def test_packed_once_and_described(packs: Callable[[], DiskImage], tmp_path: Path) -> None:
    first, again = packs(), packs()
    assert (first.built, again.built) == (True, False)
    assert replace(first, built=False) == again == find_disk(tmp_path / "disks", first.digest)
    assert first.path == tmp_path / "disks" / f"{first.digest}.raw.zst"
    raw = subprocess.run(["zstd", "-dcq", str(first.path)], capture_output=True, check=True).stdout
    assert (raw, first.sha256) == (CONTENT, hashlib.sha256(CONTENT).hexdigest())
    assert first.compressed_sha256 == hashlib.sha256(first.path.read_bytes()).hexdigest()
    assert first.compressed_size == first.path.stat().st_size < len(CONTENT)
    assert first.kernel == "6.12.1-amd64"
    names = sorted(path.name for path in (tmp_path / "disks").iterdir())
    assert names == [".lock", f"{first.digest}.json", f"{first.digest}.raw.zst"]


def test_packed_anew_for_another_image_or_grub(
    packs: Callable[[], DiskImage], image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = packs()
    assert pack.disk_digest(replace(image, digest="abd")) != first.digest
    monkeypatch.setattr(grub, "version", lambda: "grub-pc-bin 3")
    assert packs().built


def test_a_killed_packing_leaves_nothing_that_counts(packs: Callable[[], DiskImage], tmp_path: Path) -> None:
    (tmp_path / "disks" / "partial-old" / "upper").mkdir(parents=True)
    packed = packs()
    assert not (tmp_path / "disks" / "partial-old").exists()
    packed.path.with_name(f"{packed.digest}.json").unlink()  # killed between the two names
    assert find_disk(tmp_path / "disks", packed.digest) is None
    assert packs().built


def test_a_failed_packing_leaves_nothing(
    packs: Callable[[], DiskImage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> Path:
        raise EnvironmentFault("mke2fs: no space")

    monkeypatch.setattr(pack, "_make", fails)
    with pytest.raises(EnvironmentFault, match="no space"):
        packs()
    assert [path.name for path in (tmp_path / "disks").iterdir()] == [".lock"]


def test_a_compressor_that_fails_is_told(packs: Callable[[], DiskImage], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pack, "_LEVEL", "--no-such-option")
    with pytest.raises(EnvironmentFault, match=r"could not be compressed: \S"):
        packs()


def test_an_image_for_containers_has_no_kernel(packs: Callable[[], DiskImage], image: Image) -> None:
    (image.path / "vmlinuz").unlink()
    with pytest.raises(EnvironmentFault, match="no kernel") as caught:
        packs()
    assert "DISK_PACKAGES" in caught.value.hint


def test_what_the_host_lacks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "TOOLS", {"no-such-program": "some-package"})
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(EnvironmentFault, match="some-package"):
        process.check_host()
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(EnvironmentFault, match="needs root"):
        process.check_host()
    with pytest.raises(EnvironmentFault, match="`false 'a b'` failed"):
        process.run("false", "a b")


def test_what_is_added_to_the_image(tmp_path: Path) -> None:
    write_additions(tmp_path / "upper")
    config = (tmp_path / "upper/boot/grub/grub.cfg").read_text()
    assert "console=ttyS0,115200" in config and "{" in config and "{{" not in config
    assert os.access(tmp_path / "upper/etc/initramfs-tools/hooks/crowbar", os.X_OK)
    # Laid over the image, a folder's mode is the upper one's.
    folders = [path for path in (tmp_path / "upper").rglob("*") if path.is_dir()]
    assert {path.stat().st_mode & 0o777 for path in folders} == {0o755}
    assert not any("ssh_host" in name for name in additions())
