"""Old images, deleted: every new set of packages on the mirror makes one more, and node images take gigabytes each.

It is beside the builders, not in them, as a builder's own content is a part of every image's name.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

KEPT = 2  # the present one, and the one to return to
_MANIFEST = "image.json"
_DISCOVERY = "discovery.json"
_PACKED = ".raw.zst"
_PARTIAL = "partial-"  # the builder deletes what is called so


def mark_used(root: Path) -> None:
    """Note that the image whose root folder this is was used now."""
    os.utime(root.parent / _MANIFEST)


def superseded(used: Mapping[str, float], standing: Collection[str]) -> list[str]:
    """Which images may go, of those in ``used`` (name -> time of the last use): the oldest first.

    The last used ones stay, and those that machines are ``standing`` on.
    """
    by_age = sorted(used, key=lambda name: (used[name], name))
    return [name for name in by_age[:-KEPT] if name not in standing]


def prune(images_dir: Path, standing: Collection[Path], progress: Callable[[str], None]) -> list[str]:
    """Delete images that are no longer needed; their names. ``standing`` are root folders that machines stand on.

    ``progress`` is told of each, and of one that cannot be deleted. Only who holds the deployment lock may call it:
    nobody else is about to use an image then.
    """
    found = [path for path in images_dir.glob(f"*/{_MANIFEST}") if _is_whole(path.parent)]
    used = {path.parent.name: path.stat().st_mtime for path in found}
    needed = {root.resolve().parent.name for root in standing if root.resolve().parent.parent == images_dir.resolve()}
    deleted = []
    for name in superseded(used, needed):
        folder = images_dir / name
        if _mounted_below(folder):  # never delete through a mount
            progress(f"the old node image {folder} stays: something is mounted below it")
            continue
        # No image by its name any more before a part of it goes; what we leave, if we are killed, the builder removes.
        going = folder.rename(folder.with_name(f"{_PARTIAL}{name}"))
        try:
            shutil.rmtree(going)
        except OSError as error:
            progress(f"the old node image {going} cannot be deleted: {error.strerror}")
            continue
        progress(f"deleted the node image {name[:12]}, which was not used any more")
        deleted.append(name)
    return deleted


def prune_disks(disks_dir: Path, progress: Callable[[str], None]) -> list[str]:
    """Delete the packed disks but those that were chosen last; their names. ``progress`` is told of each.

    A machine that is just being installed from one that goes has it to its end, as its file is open; one that begins
    again then gets the last.
    """
    packed = {path.name.removesuffix(_PACKED): path.stat().st_mtime for path in disks_dir.glob(f"*{_PACKED}")}
    deleted = superseded(packed, ())
    for name in deleted:
        for suffix in (_PACKED, ".json"):  # without the first nobody looks for the second
            (disks_dir / f"{name}{suffix}").unlink(missing_ok=True)
        progress(f"deleted the packed node image {name[:12]}, which was not used any more")
    return deleted


def prune_discovery(images_dir: Path, progress: Callable[[str], None]) -> list[str]:
    """Delete the discovery systems but those that were booted from last, and bases of none of them; their names.

    Only who holds the lock of that folder may call it.
    """
    manifests = {path.parent.name: path for path in images_dir.glob(f"*/{_DISCOVERY}") if _is_whole(path.parent)}
    base_of = {
        name: str(json.loads(path.read_text(encoding="utf-8")).get("base", "")) for name, path in manifests.items()
    }
    systems = {name: manifests[name].stat().st_mtime for name, base in base_of.items() if base}
    bases = {name: manifests[name].stat().st_mtime for name, base in base_of.items() if not base}
    old = superseded(systems, ())
    needed = {base_of[name] for name in systems if name not in old}
    deleted = [*old, *superseded(bases, needed)]
    for name in deleted:
        shutil.rmtree((images_dir / name).rename(images_dir / f"{_PARTIAL}{name}"))
        progress(f"deleted the discovery system {name[:12]}, which was not used any more")
    return deleted


def _is_whole(folder: Path) -> bool:
    return not folder.name.startswith(_PARTIAL)


def _mounted_below(folder: Path) -> bool:
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return any(line.split()[4].startswith(f"{folder.resolve()}/") for line in mounts)
