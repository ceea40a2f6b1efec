"""The image that machines get, built and packed before any of them is told to take it."""

from __future__ import annotations

import os

from crowbar_cli.options import Settings
from crowbar_cli.output import note


def provide(settings: Settings, packages: tuple[str, ...]) -> None:
    """Have the node image with these packages packed as a disk; quick where it is there already.

    Raises EnvironmentFault where this host cannot build it.
    """
    from crowbar.provision.disk import DISK_PACKAGES, pack_disk
    from crowbar.provision.image.build import build_image
    from crowbar.provision.image.spec import ImageSpec
    from crowbar.provision.prune import prune_disks

    image = build_image(ImageSpec((*DISK_PACKAGES, *packages)), settings.state.images, note)
    disk = pack_disk(image, settings.state.disks, note)
    os.utime(disk.path)  # the one that was chosen last is what machines get
    prune_disks(settings.state.disks, note)
