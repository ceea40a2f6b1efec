"""Which name servers a machine can ask: the host's, or those behind the host's own stub."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path

# Where the programs that put a stub on a loopback address say whom they ask themselves.
RESOLV_CONFS = (
    Path("/etc/resolv.conf"),
    Path("/run/systemd/resolve/resolv.conf"),
    Path("/run/NetworkManager/no-stub-resolv.conf"),
    Path("/run/resolvconf/resolv.conf"),
)


def reachable_servers(text: str) -> list[str]:
    """The name servers in a resolv.conf that another machine reaches over IPv4."""
    found = re.findall(r"^\s*nameserver\s+([0-9.]+)\s*$", text, re.MULTILINE)
    return [server for server in found if not ip_address(server).is_loopback]


def name_servers(paths: Iterable[Path] = RESOLV_CONFS) -> list[str]:
    """The name servers that this host asks and another machine reaches; empty where it has none."""
    return next((servers for text in _texts(paths) if (servers := reachable_servers(text))), [])


def machine_resolv_conf(paths: Iterable[Path] = RESOLV_CONFS) -> str:
    """The resolv.conf of a machine; only a remark where the host has no server that a machine reaches."""
    for text in _texts(paths):
        if servers := reachable_servers(text):
            search = [line for line in text.splitlines() if line.startswith(("search ", "domain "))]
            return "\n".join([*search, *(f"nameserver {server}" for server in servers)]) + "\n"
    return "# The host has no name server that can be reached from here.\n"


def _texts(paths: Iterable[Path]) -> list[str]:
    return [path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file()]
