"""The node image as a disk that a bare machine boots from."""

from crowbar.provision.disk.additions import DISK_PACKAGES
from crowbar.provision.disk.pack import DiskImage, find_disk, pack_disk

__all__ = ["DISK_PACKAGES", "DiskImage", "find_disk", "pack_disk"]
