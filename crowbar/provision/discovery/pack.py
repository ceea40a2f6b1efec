"""Packs folders as what the kernel unpacks into memory: cpio archives, each compressed by itself."""

from __future__ import annotations

import subprocess
from pathlib import Path

from crowbar.errors import EnvironmentFault

_LEVEL = "-12"  # of zstd: higher ones take a minute for a tenth; the time to unpack is the same


def pack(folder: Path, archive: Path) -> None:
    """All below ``folder``, as root's, the same bytes each time. Raises EnvironmentFault."""
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    packing = ["cpio", "--quiet", "--null", "--create", "--format=newc", "--reproducible", "--owner=+0:+0"]
    with (
        archive.open("wb") as output,
        subprocess.Popen(["zstd", "-q", "-T0", _LEVEL], stdin=subprocess.PIPE, stdout=output) as compressing,
        subprocess.Popen(packing, cwd=folder, stdin=subprocess.PIPE, stdout=compressing.stdin) as cpio,
    ):
        if compressing.stdin is not None:
            compressing.stdin.close()  # cpio has it now
        cpio.communicate("".join(f"{name}\0" for name in names).encode())
        if cpio.returncode != 0 or compressing.wait() != 0:
            raise EnvironmentFault(f"{folder} could not be packed for the discovery system.")


def unpack_deb(package: Path, folder: Path) -> None:
    """The files of a Debian package, into a new folder. Raises EnvironmentFault."""
    folder.mkdir()
    done = subprocess.run(
        ["dpkg-deb", "--extract", str(package), str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise EnvironmentFault(f"{package.name} could not be unpacked: {done.stderr.strip()}")
