"""Which image machines get: the one that was packed last, as an install order names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crowbar.errors import EnvironmentFault
from crowbar.provision.disk import DiskImage, find_disk

_SUFFIX = ".raw.zst"


@dataclass(frozen=True)
class DiskImages:
    """The folder with the packed images."""

    folder: Path

    def newest(self) -> DiskImage:
        """The one that was packed or chosen last. Raises EnvironmentFault if there is none."""
        packed = sorted(self.folder.glob(f"*{_SUFFIX}"), key=lambda path: path.stat().st_mtime, reverse=True)
        for path in packed:
            found = find_disk(self.folder, path.name.removesuffix(_SUFFIX))
            if found is not None:
                return found
        raise EnvironmentFault("There is no node image to install.", hint="`crowbar machines install` builds one.")


def size_of_newest(folder: Path) -> int:
    """What the image that machines get needs of a disk, in bytes; 0 while there is none."""
    try:
        return DiskImages(folder).newest().size
    except EnvironmentFault:
        return 0


def order_of(image: DiskImage) -> Mapping[str, Any]:
    """What an install order says of the image."""
    return {
        "url": f"/images/{image.path.name}",
        "sha256": image.sha256,
        "size": image.size,
        "compressed_sha256": image.compressed_sha256,
    }
