"""What the discovery system is made of, and the digests that name its parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

from crowbar.provision.discovery.archive import packed_agent
from crowbar.provision.image.spec import Supply

RELEASE = "trixie"
KERNEL = "linux-image-amd64"
PACKAGES = (
    "busybox",  # its DHCP client
    "dmidecode",
    "dosfstools",
    "e2fsprogs",
    "ethtool",
    "fdisk",
    "iproute2",
    "ipmitool",
    "kmod",
    "lldpd",
    "pciutils",
    "python3",
    "smartmontools",
    "util-linux",
    "zstd",
)
# Network cards that do nothing without it; only where the host's own archives have the component.
FIRMWARE_COMPONENT = "non-free-firmware"
FIRMWARE = ("firmware-bnx2", "firmware-bnx2x", "firmware-netronome", "firmware-qlogic")

FILES = Path(__file__).parent / "files"
AGENT = "usr/lib/crowbar/agent.pyz"
# path in the system -> what gives its content, and its mode. They change often, and are packed by themselves.
OWN_FILES: dict[str, tuple[Callable[[], bytes], int]] = {
    "init": ((FILES / "init").read_bytes, 0o755),
    "usr/sbin/init": ((FILES / "init").read_bytes, 0o755),
    AGENT: (packed_agent, 0o644),
    "usr/lib/crowbar/dhcp": ((FILES / "dhcp").read_bytes, 0o755),
}
_BUILDER = (*sorted(Path(__file__).parent.glob("*.py")), FILES / "compile.py", FILES / "kernel.sh")


def packages(supply: Supply) -> tuple[str, ...]:
    """What is installed, with firmware where the archives have it."""
    components = {component for archive in supply.archives for component in archive.source.components}
    return tuple(sorted({*PACKAGES, *(FIRMWARE if FIRMWARE_COMPONENT in components else ())}))


def wish_digest() -> str:
    """The name of the base that is wanted, wherever its packages come from."""
    return _digest([RELEASE, KERNEL, PACKAGES, FIRMWARE, _file_digests(_BUILDER)])


def base_digest(supply: Supply) -> str:
    """The name of the base: packages and builder, and what the mirror offers now."""
    return _digest([wish_digest(), supply.digest, packages(supply)])


def system_digest(base: str) -> str:
    """The name of the whole: the base with the agent and what starts it."""
    files = [[name, mode, hashlib.sha256(content()).hexdigest()] for name, (content, mode) in OWN_FILES.items()]
    return _digest([base, files])


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


@cache
def _file_digests(paths: tuple[Path, ...]) -> list[list[str]]:
    return [[path.name, hashlib.sha256(path.read_bytes()).hexdigest()] for path in paths]
