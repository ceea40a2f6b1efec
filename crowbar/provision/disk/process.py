"""Programs that the packing of a disk runs."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from crowbar.errors import EnvironmentFault

TOOLS: Mapping[str, str] = {
    "mke2fs": "e2fsprogs",
    "sfdisk": "fdisk",
    "mkfs.vfat": "dosfstools",
    "mmd": "mtools",
    "grub-mkimage": "grub-common",
    "/usr/lib/grub/i386-pc/boot.img": "grub-pc-bin",
    "/usr/lib/grub/x86_64-efi/kernel.img": "grub-efi-amd64-bin",
    "zstd": "zstd",
    "unshare": "util-linux",
}


def run(*argv: str, stdin: str = "") -> str:
    """What the program printed. Raises EnvironmentFault with its own words and a command to paste if it fails."""
    done = subprocess.run(
        argv, input=stdin, capture_output=True, text=True, errors="replace", check=False, env=_environment()
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-2000:]
        raise EnvironmentFault(f"The disk image could not be made: `{shlex.join(argv)}` failed: {said}")
    return done.stdout


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C.UTF-8", "MTOOLS_SKIP_CHECK": "1"}


def check_host() -> None:
    """Raises EnvironmentFault if the host cannot pack disks: not root, programs missing."""
    if os.geteuid() != 0:
        raise EnvironmentFault("Packing a disk image needs root.", hint="Run the command with sudo.")
    missing = sorted({package for tool, package in TOOLS.items() if not _has(tool)})
    if missing:
        raise EnvironmentFault(
            f"Programs that pack disk images are missing: {', '.join(missing)}.",
            hint=f"Run `apt-get install {' '.join(missing)}`, or `make setup`, which does it.",
        )


def _has(tool: str) -> bool:
    return Path(tool).is_file() if tool.startswith("/") else shutil.which(tool) is not None
