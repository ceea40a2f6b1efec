"""A small node's disk for tests that boot it, kept between runs; and what the installer would do to it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from crowbar.provision.disk import DISK_PACKAGES, DiskImage, pack_disk
from crowbar.provision.image import ImageSpec, build_image
from tests.built import SHARED


def node_disk() -> DiskImage:
    """The base packages and a kernel."""
    return pack_disk(build_image(ImageSpec(DISK_PACKAGES), SHARED.images, print), SHARED.disks, print)


def unpack(disk: DiskImage, target: Path) -> Path:
    """The raw disk, to be written to."""
    subprocess.run(["zstd", "-dqf", "--sparse", str(disk.path), "-o", str(target)], check=True)
    return target


def put_in(disk: Path, offset: int, folder: Path, files: dict[str, tuple[str, int]]) -> None:
    """Write text files into the root file system at the offset, without mounting it."""
    words = []
    for number, (path, (text, mode)) in enumerate(files.items()):
        source = folder / f"file{number}"
        source.write_text(text, encoding="utf-8")
        words += [f"cd /{Path(path).parent}", f"write {source} {Path(path).name}"]
        words += [f"sif {Path(path).name} mode 0100{mode:o}", f"sif {Path(path).name} uid 0"]
    script = folder / "debugfs"
    script.write_text("\n".join(["mkdir /root/.ssh", *words, ""]), encoding="utf-8")
    subprocess.run(["debugfs", "-w", "-f", str(script), f"{disk}?offset={offset}"], check=True, capture_output=True)
