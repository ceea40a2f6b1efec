"""Running programs on the admin host: one function for all, whose error is a command you can paste."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from crowbar.errors import EnvironmentFault

_TOOLS = {
    "systemd-nspawn": "systemd-container",
    "ip": "iproute2",
    "nft": "nftables",
    "ssh": "openssh-client",
    "mount": "mount",
    "setsid": "util-linux",
}


def run(*argv: str, stdin: str = "") -> str:
    """What the program printed. Raises EnvironmentFault with its own words if it fails."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise EnvironmentFault(f"`{shlex.join(argv)}` failed: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def tried(*argv: str) -> bool:
    """Whether the program succeeded; for what may be gone already."""
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


def runs_systemd() -> bool:
    """Whether systemd is the host's init (sd_booted(3))."""
    return Path("/run/systemd/system").is_dir()


def check(tools: Mapping[str, str] = _TOOLS) -> None:
    """Raises EnvironmentFault if the host cannot run container machines: no root, programs missing, no tun device."""
    if os.geteuid() != 0:
        raise EnvironmentFault("A container machine needs root.", hint="Run the command with sudo.")
    missing = sorted({package for tool, package in tools.items() if shutil.which(tool) is None})
    if missing:
        raise EnvironmentFault(
            f"Programs that run a container machine are missing: {', '.join(missing)}.",
            hint=f"Run `apt-get install {' '.join(missing)}`, or `make setup`, which does it.",
        )
    if not Path("/dev/net/tun").exists() and not (tried("modprobe", "tun") and Path("/dev/net/tun").exists()):
        raise EnvironmentFault("This host's kernel has no TUN device (/dev/net/tun), which instances' networks need.")
