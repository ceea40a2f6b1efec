"""GRUB as the admin host's packages have it, on a disk that is a file."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest

from crowbar.provision.disk import grub
from crowbar.provision.disk.bios import boot_sector, core_at, write_loader
from crowbar.provision.disk.layout import SECTOR, Layout

pytestmark = pytest.mark.skipif(not Path("/usr/lib/grub/i386-pc/boot.img").exists(), reason="needs grub-pc-bin")
LAYOUT = Layout(root_mib=1)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    return grub.bios_images(tmp_path_factory.mktemp("grub"))


def test_each_part_knows_where_the_next_lies(images: tuple[bytes, bytes], tmp_path: Path) -> None:
    boot_image, core_image = images
    disk = tmp_path / "disk"
    with disk.open("wb") as made:
        made.truncate(LAYOUT.size)
    subprocess.run(["sfdisk", "-q", str(disk)], input=LAYOUT.sfdisk(), text=True, check=True, capture_output=True)
    before = disk.read_bytes()
    with disk.open("r+b") as opened:
        write_loader(opened, LAYOUT, boot_image, core_image)
    after = disk.read_bytes()
    assert after[440 : LAYOUT.bios_boot.start] == before[440 : LAYOUT.bios_boot.start]  # the table is as it was
    core = struct.unpack_from("<Q", after, 0x5C)[0] * SECTOR
    assert core == LAYOUT.bios_boot.start
    rest, sectors, segment = struct.unpack_from("<QHH", after, core + SECTOR - 12)
    assert rest * SECTOR == core + SECTOR
    assert segment == 0x820  # where diskboot.img loads it
    assert after[rest * SECTOR :].startswith(core_image[SECTOR:])
    assert 0 <= sectors * SECTOR - (len(core_image) - SECTOR) < SECTOR
    assert subprocess.run(["sfdisk", "--verify", str(disk)], capture_output=True, check=False).returncode == 0


def test_a_core_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "disk").open("wb") as disk, pytest.raises(ValueError, match="its partition 1048576"):
        write_loader(disk, LAYOUT, bytes(512), bytes(2**20 + 1))
    assert (tmp_path / "disk").stat().st_size == 0


def test_only_what_must_differ_is_changed(images: tuple[bytes, bytes]) -> None:
    boot_image, core_image = images
    sector, core = boot_sector(boot_image, 2048), core_at(core_image, 2048)
    assert {place for place in range(440) if sector[place] != boot_image[place]} <= {*range(0x5C, 0x64), 0x66, 0x67}
    assert {place for place in range(len(core)) if core[place] != core_image[place]} <= set(range(500, 510))


def test_uefi_finds_its_program(tmp_path: Path) -> None:
    esp = grub.esp_image(tmp_path, LAYOUT)
    assert esp.stat().st_size == LAYOUT.esp.size
    argv = ["mtype", "-i", str(esp), "::/EFI/BOOT/BOOTX64.EFI"]
    program = subprocess.run(argv, capture_output=True, check=True).stdout
    assert program[:2] == b"MZ"
    assert program == (tmp_path / "BOOTX64.EFI").read_bytes()
