"""Who already serves DHCP or TFTP where dnsmasq shall: told before it starts, in words."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from crowbar.errors import EnvironmentFault

# State, queues, "address%interface:port" of ours, of the peer, and the processes.
_ROW = re.compile(
    r"\S+\s+\d+\s+\d+\s+(?P<address>[^\s%]+)(?:%(?P<interface>\S+))?:(?P<port>\d+)\s+\S+\s*(?P<users>.*)$"
)
_USER = re.compile(r'\("(?P<name>[^"]*)",pid=(?P<pid>\d+)')
_SERVICES = {67: "DHCP", 69: "TFTP", 4011: "PXE", 53: "DNS"}
_ANYWHERE = ("0.0.0.0", "*", "[::]")  # noqa: S104 - not bound to, but found


@dataclass(frozen=True)
class Holder:
    """A socket in the way, and the process it belongs to (0 and "" where that cannot be seen)."""

    port: int
    process: str
    pid: int

    def __str__(self) -> str:
        who = f"{self.process} (process {self.pid})" if self.pid else "a process of another container"
        return f"port {self.port} ({_SERVICES.get(self.port, 'UDP')}) is taken by {who}"


def holders(listing: str, interface: str, address: IPv4Address, ports: Iterable[int]) -> Iterator[Holder]:
    """Those in the output of `ss -Hlunp` that would hear what is meant for us: others may serve other interfaces."""
    wanted = frozenset(ports)
    for line in listing.splitlines():
        found = _ROW.match(line.strip())
        if found is None or int(found["port"]) not in wanted:
            continue
        here = found["interface"] in (None, interface)
        if here and found["address"] in (*_ANYWHERE, str(address)):
            user = _USER.search(found["users"])
            yield Holder(int(found["port"]), user["name"] if user else "", int(user["pid"]) if user else 0)


def check_ports(interface: str, address: IPv4Address, ports: Iterable[int]) -> None:
    """Raises EnvironmentFault that names the processes which hold the ports already."""
    done = subprocess.run(["ss", "-Hlunp"], capture_output=True, text=True, check=False)
    found = list(dict.fromkeys(holders(done.stdout, interface, address, ports)))
    if found:
        raise EnvironmentFault(
            f"dnsmasq cannot serve {interface}: {'; '.join(map(str, found))}.",
            hint=f"Stop that service, or bind it to other interfaces than {interface}.",
        )
