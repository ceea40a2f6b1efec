"""A small node's disk for tests that install it, kept between runs."""

from __future__ import annotations

from crowbar.provision.disk import DISK_PACKAGES, DiskImage, pack_disk
from crowbar.provision.image import ImageSpec, build_image
from tests.built import SHARED


def node_disk() -> DiskImage:
    """The base packages and a kernel."""
    return pack_disk(build_image(ImageSpec(DISK_PACKAGES), SHARED.images, print), SHARED.disks, print)
