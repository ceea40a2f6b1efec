"""What dnsmasq shall do on the admin network, and what is wrong with a wish for it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from urllib.parse import urlsplit

from crowbar.errors import Fault

MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
_INTERFACE = re.compile(r"[A-Za-z0-9_.-]{1,15}")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_URL = re.compile(r"[A-Za-z0-9:/._\[\]-]{1,80}")
_SHORTEST_LEASE = 120  # dnsmasq's own limit


class DhcpMode(StrEnum):
    """Who gives the addresses."""

    SERVER = "server"  # Crowbar does
    PROXY = "proxy"  # the site's own DHCP server does; Crowbar adds where to boot from, and nothing else


@dataclass(frozen=True)
class DhcpHost:
    """A known machine: the address that its MAC always gets, and the name it is told."""

    mac: str
    address: IPv4Address
    name: str = ""


@dataclass(frozen=True)
class Dns:
    """Names for the admin network, answered by dnsmasq, too. Other names are asked of ``upstream``, or unknown."""

    upstream: tuple[IPv4Address, ...] = ()


@dataclass(frozen=True)
class DhcpConfig:
    """DHCP, TFTP and boot URLs on one interface of the admin host, and on no other.

    ``address`` is the admin host's own on that interface; ``dynamic`` the first and last address for machines that
    are not known yet (None: only known ones are answered); ``base_url`` where boot scripts and images are served.
    """

    interface: str
    address: IPv4Address
    network: IPv4Network
    base_url: str
    dynamic: tuple[IPv4Address, IPv4Address] | None = None
    gateway: IPv4Address | None = None
    name_servers: tuple[IPv4Address, ...] = ()
    domain: str = ""
    lease_seconds: int = 3600
    mode: DhcpMode = DhcpMode.SERVER
    # Debian's iPXE waits 16 seconds for a router advertisement before it boots by IPv4.
    advertise: bool = True
    dns: Dns | None = None

    @property
    def advertised(self) -> IPv6Network | None:
        """The prefix that is advertised: a unique local one (RFC 4193), the same for the same network."""
        if not self.advertise or self.mode is DhcpMode.PROXY:
            return None
        chosen = hashlib.sha256(f"crowbar {self.network}".encode()).digest()[:7]
        return IPv6Network((b"\xfd" + chosen + bytes(8), 64))


def config_faults(config: DhcpConfig) -> list[Fault]:
    """Everything that is wrong with the configuration; nothing of it then reaches a file."""
    return [Fault(f"dhcp {place}", message) for place, message in _config_faults(config)]


def _config_faults(config: DhcpConfig) -> Iterator[tuple[str, str]]:
    if not _INTERFACE.fullmatch(config.interface):
        yield "interface", f"{config.interface!r} is no interface's name."
    if config.address not in config.network:
        yield "address", f"{config.address} is not in {config.network}."
    if not _URL.fullmatch(config.base_url) or urlsplit(config.base_url).scheme not in ("http", "https"):
        yield "base_url", f"{config.base_url!r} is no http:// address of up to 80 characters."
    if config.gateway is not None and config.gateway not in config.network:
        yield "gateway", f"{config.gateway} is not in {config.network}."
    if config.domain and not _NAME.fullmatch(config.domain):
        yield "domain", f"{config.domain!r} is no domain name."
    if config.lease_seconds < _SHORTEST_LEASE:
        yield "lease_seconds", f"{config.lease_seconds} is less than {_SHORTEST_LEASE}."
    yield from _range_faults(config)


def _range_faults(config: DhcpConfig) -> Iterator[tuple[str, str]]:
    if config.dynamic is None:
        return
    first, last = config.dynamic
    for end in (first, last):
        if end not in config.network:
            yield "dynamic", f"{end} is not in {config.network}."
    if last < first:
        yield "dynamic", f"the range ends ({last}) before it starts ({first})."
    elif first <= config.address <= last:
        yield "dynamic", f"the range has the admin host's own address {config.address}."


def host_faults(hosts: Iterable[DhcpHost], network: IPv4Network) -> list[Fault]:
    """Everything that is wrong with the known machines; one MAC or address twice would end dnsmasq."""
    faults: list[Fault] = []
    seen: set[str | IPv4Address] = set()
    for host in hosts:
        place = f"dhcp host {host.name or host.mac}"
        if not MAC.fullmatch(host.mac):
            faults.append(Fault(place, f"{host.mac!r} is no MAC in lower case with colons."))
        if host.address not in network:
            faults.append(Fault(place, f"{host.address} is not in {network}."))
        if host.name and not _NAME.fullmatch(host.name):
            faults.append(Fault(place, f"{host.name!r} is no host name."))
        faults.extend(Fault(place, f"{key} is another host's, too.") for key in (host.mac, host.address) if key in seen)
        seen |= {host.mac, host.address}
    return faults
