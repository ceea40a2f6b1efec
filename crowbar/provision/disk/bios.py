"""GRUB for BIOS put on a disk by hand: grub-install would want a block device, and this is a file."""

from __future__ import annotations

import struct
from typing import BinaryIO

from crowbar.provision.disk.layout import SECTOR, Layout

# Places in boot.img (GRUB's manual and include/grub/i386/pc/boot.h name them).
_TABLE = 440  # from here to the signature the sector is the partition table's
_CORE_SECTOR = 0x5C
_DRIVE_CHECK = 0x66
_NO_OPERATIONS = b"\x90\x90"
_BLOCK_LIST = SECTOR - 12  # in core.img's first sector: where the rest is, how many sectors, loaded to which segment


def boot_sector(boot_image: bytes, core_sector: int) -> bytes:
    """The disk's first 440 bytes: they load the sector that GRUB's core starts with."""
    code = bytearray(boot_image[:_TABLE])
    struct.pack_into("<Q", code, _CORE_SECTOR, core_sector)
    # As grub-install does for hard disks: some BIOSes do not tell the drive they boot from.
    code[_DRIVE_CHECK : _DRIVE_CHECK + 2] = _NO_OPERATIONS
    return bytes(code)


def core_at(core_image: bytes, core_sector: int) -> bytes:
    """GRUB's core, told where it lies: its first sector loads the rest, which follows it."""
    core = bytearray(core_image)
    rest = -(-len(core) // SECTOR) - 1
    segment = struct.unpack_from("<QHH", core, _BLOCK_LIST)[2]
    struct.pack_into("<QHH", core, _BLOCK_LIST, core_sector + 1, rest, segment)
    return bytes(core)


def write_loader(disk: BinaryIO, layout: Layout, boot_image: bytes, core_image: bytes) -> None:
    """Make the disk, which has its partition table, bootable by BIOS. Raises ValueError if the core does not fit."""
    place = layout.bios_boot
    if len(core_image) > place.size:
        raise ValueError(f"GRUB's core has {len(core_image)} bytes, its partition {place.size}")
    disk.seek(0)
    disk.write(boot_sector(boot_image, place.first_sector))
    disk.seek(place.start)
    disk.write(core_at(core_image, place.first_sector))
