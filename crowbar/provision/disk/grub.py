"""GRUB's programs for both firmwares, made of the modules that the admin host's packages bring."""

from __future__ import annotations

import subprocess
from pathlib import Path

from crowbar.provision.disk.layout import ROOT_NUMBER, Layout
from crowbar.provision.disk.process import run

_LIBRARY = Path("/usr/lib/grub")
# The drive is left out: it is the one that GRUB was started from.
_PREFIX = f"(,gpt{ROOT_NUMBER})/boot/grub"
_MODULES = ("part_gpt", "ext2", "normal", "linux", "probe", "test", "echo", "configfile", "ls", "cat", "reboot", "halt")
_BIOS_MODULES = ("biosdisk", "serial", "terminal")
_UEFI_MODULES = ("all_video", "fat", "chain")


def bios_images(folder: Path) -> tuple[bytes, bytes]:
    """GRUB's boot sector and its core. Raises EnvironmentFault."""
    core = folder / "core.img"
    run("grub-mkimage", "-O", "i386-pc", "-p", _PREFIX, "-o", str(core), *_MODULES, *_BIOS_MODULES)
    return (_LIBRARY / "i386-pc" / "boot.img").read_bytes(), core.read_bytes()


def esp_image(folder: Path, layout: Layout) -> Path:
    """The EFI system partition, as a file. Raises EnvironmentFault."""
    program, esp = folder / "BOOTX64.EFI", folder / "esp"
    run("grub-mkimage", "-O", "x86_64-efi", "-p", _PREFIX, "-o", str(program), *_MODULES, *_UEFI_MODULES)
    with esp.open("wb") as made:
        made.truncate(layout.esp.size)
    # FAT32 wants 65525 clusters at least: of one sector each, 64 MiB have them.
    run("mkfs.vfat", "-F", "32", "-s", "1", "-n", "ESP", str(esp))
    run("mmd", "-i", str(esp), "::/EFI", "::/EFI/BOOT")
    run("mcopy", "-i", str(esp), str(program), "::/EFI/BOOT/BOOTX64.EFI")
    return esp


def version() -> str:
    """The installed GRUB's version, by Debian's name."""
    argv = ["dpkg-query", "-W", "-f", "${Package} ${Version}\\n", "grub-pc-bin", "grub-efi-amd64-bin"]
    return subprocess.run(argv, capture_output=True, text=True, check=False).stdout
