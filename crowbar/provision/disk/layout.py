"""Where on the disk everything is: partitions, and the sectors at which the loaders lie."""

from __future__ import annotations

from dataclasses import dataclass

SECTOR = 512
MIB = 2**20
# Partition types (UEFI specification, and GRUB's own).
_BIOS_BOOT = "21686148-6449-6E6F-744E-656564454649"
_ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
_LINUX_ROOT = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"  # x86-64's, as the discoverable partitions are specified
ROOT_NUMBER = 3
_FREE_MIB = 64  # the installer grows the root before anything starts there
_JOURNAL_MIB = 64
_INODE = 256
_BLOCK = 4096


@dataclass(frozen=True)
class Extent:
    """A part of the disk, in bytes; on whole MiB."""

    start: int
    size: int

    @property
    def first_sector(self) -> int:
        """Its first sector."""
        return self.start // SECTOR


@dataclass(frozen=True)
class Layout:
    """The disk. The root is last, so that it can be grown to the end of a larger disk."""

    root_mib: int
    esp_mib: int = 64

    @property
    def bios_boot(self) -> Extent:
        """Holds GRUB for BIOS, without a file system."""
        return Extent(1 * MIB, 1 * MIB)

    @property
    def esp(self) -> Extent:
        """Holds GRUB for UEFI, on FAT."""
        return Extent(2 * MIB, self.esp_mib * MIB)

    @property
    def root(self) -> Extent:
        """The node's root file system."""
        return Extent((2 + self.esp_mib) * MIB, self.root_mib * MIB)

    @property
    def size(self) -> int:
        """The whole disk; the last MiB has the second partition table."""
        return self.root.start + self.root.size + MIB

    def sfdisk(self) -> str:
        """The partition table, in the words of the program sfdisk."""
        parts = ((self.bios_boot, _BIOS_BOOT, "bios"), (self.esp, _ESP, "esp"), (self.root, _LINUX_ROOT, "root"))
        rows = (
            f'start={extent.first_sector}, size={extent.size // SECTOR}, type={kind}, name="{name}"'
            for extent, kind, name in parts
        )
        return "\n".join(["label: gpt", "unit: sectors", *rows, ""])


def layout_for(content: int, files: int) -> Layout:
    """The smallest disk for so many bytes (each file rounded up to blocks) in so many files and folders."""
    needed = content * 103 // 100 + 2 * files * _INODE + (_FREE_MIB + _JOURNAL_MIB) * MIB
    return Layout(root_mib=-(-needed // MIB))


def rounded(size: int) -> int:
    """The bytes of the blocks that a file of this size takes."""
    return -(-size // _BLOCK) * _BLOCK
