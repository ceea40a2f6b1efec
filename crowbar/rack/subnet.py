"""The choice of a machine's subnet: a private /24 that the host does not use."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network, ip_network
from pathlib import Path

from crowbar.errors import EnvironmentFault
from crowbar.rack.host import run

_LOCK = Path("/run/lock/crowbar-subnets")


def _candidates() -> Iterator[IPv4Network]:
    # From the middle of RFC 1918's ranges: home routers, Docker and libvirt take the ends.
    yield from (IPv4Network(f"10.124.{third}.0/24") for third in range(256))
    yield from (IPv4Network(f"192.168.{third}.0/24") for third in range(130, 230))
    yield from (IPv4Network(f"172.29.{third}.0/24") for third in range(256))


def free_subnet(used: Iterable[IPv4Network], wanted_too: Iterable[IPv4Network] = ()) -> IPv4Network:
    """The first candidate that overlaps neither a used network nor one the machine itself will bring.

    Raises EnvironmentFault if there is none.
    """
    taken = [*used, *wanted_too]
    for candidate in _candidates():
        if not any(candidate.overlaps(network) for network in taken):
            return candidate
    raise EnvironmentFault(
        "Every private network that a container machine could have is routed by this host already.",
        hint="See `ip route show table all`.",
    )


@contextmanager
def choosing(lock: Path = _LOCK) -> Iterator[None]:
    """While a subnet is chosen and put up: another command of this host waits, and then sees it in use. For root."""
    with lock.open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def check_routes(wanted: Iterable[IPv4Network], used: Iterable[IPv4Network]) -> None:
    """Raises EnvironmentFault, naming all, for networks that the host reaches otherwise already."""
    known = list(used)
    clashes = sorted(f"{net} (with {other})" for net in wanted for other in known if net.overlaps(other))
    if clashes:
        raise EnvironmentFault(
            f"This host has routes already to networks the machine would bring: {', '.join(clashes)}.",
            hint="Give the cloud's provider network another range, or `crowbar destroy` the machine that has it.",
        )


def host_networks(*, but: str = "") -> list[IPv4Network]:
    """Every IPv4 network that the host has a route or an address in, the default route left out.

    Those of the network interface ``but`` are left out, too.
    """
    rows = json.loads(run("ip", "-json", "-4", "route", "show", "table", "all") or "[]")
    found = (_network(row) for row in rows if not but or row.get("dev") != but)
    return sorted({network for network in found if network is not None})


def _network(row: dict[str, str]) -> IPv4Network | None:
    if row.get("dst", "default") == "default":
        return None
    network = ip_network(row["dst"], strict=False)
    # Two halves of everything are a tunnel's default route.
    return network if isinstance(network, IPv4Network) and network.prefixlen > 1 else None
