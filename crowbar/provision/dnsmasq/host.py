"""What the admin host has and gives for dnsmasq: programs, a user, ports, files, an address to advertise from."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from crowbar.errors import EnvironmentFault
from crowbar.provision.dnsmasq.config import DhcpConfig, DhcpMode

_USER = "dnsmasq"
_TOOLS = {"dnsmasq": "dnsmasq-base", "ss": "iproute2", "ip": "iproute2"}


def check_host(folder: Path) -> str:
    """The user that dnsmasq is to run as. Raises EnvironmentFault: not root, a program missing.

    It is a user of its own where that can reach the folder; below a folder that only root can enter it stays root.
    """
    if os.geteuid() != 0:
        raise EnvironmentFault("Serving DHCP needs root.", hint="Run the command with sudo.")
    missing = sorted({package for tool, package in _TOOLS.items() if shutil.which(tool) is None})
    if missing:
        raise EnvironmentFault(
            f"Programs that serve DHCP are missing: {', '.join(missing)}.",
            hint=f"Run `apt-get install {' '.join(missing)}`, or `make setup`, which does it.",
        )
    try:
        pwd.getpwnam(_USER)
    except KeyError:
        return "root"
    there = [parent for parent in folder.resolve().parents if parent.exists()]
    return _USER if all(parent.stat().st_mode & 0o001 for parent in there) else "root"


def served(config: DhcpConfig) -> DhcpConfig:
    """The configuration without what this host's kernel has not: IPv6."""
    return config if Path("/proc/net/if_inet6").exists() else replace(config, advertise=False)


def ports(config: DhcpConfig) -> tuple[int, ...]:
    """The UDP ports that dnsmasq will hold."""
    proxy = (4011,) if config.mode is DhcpMode.PROXY else ()
    return (67, 69, *proxy, *((53,) if config.dns is not None else ()))


def write(texts: Mapping[Path, str]) -> None:
    """Write the files, each at once whole, for anybody to read. Raises EnvironmentFault: no space, above all."""
    for path, text in texts.items():
        partial = path.with_name(f".{path.name}")
        try:
            partial.write_text(text, encoding="ascii")
            partial.chmod(0o644)
            partial.replace(path)
        except OSError as error:
            raise EnvironmentFault(
                f"What dnsmasq reads cannot be written to {path}: {error.strerror}.",
                hint="Make space there; it is tried again, and nothing has to be restarted.",
            ) from error


def hold_prefix(config: DhcpConfig) -> None:
    """Give the interface an address of the advertised prefix: dnsmasq advertises none that is not its own."""
    _prefix(config, "replace", "nodad")


def release_prefix(config: DhcpConfig) -> None:
    """Take that address away again."""
    _prefix(config, "delete")


def _prefix(config: DhcpConfig, action: str, *options: str) -> None:
    prefix = config.advertised
    if prefix is None:
        return
    address = f"{prefix[1]}/{prefix.prefixlen}"
    # Without it machines boot some seconds later; that is no reason to fail.
    argv = ["ip", "-6", "address", action, address, "dev", config.interface, *options]
    subprocess.run(argv, check=False, capture_output=True)
