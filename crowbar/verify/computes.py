"""An instance on each hypervisor, and traffic from the first instance to each: the tunnels between the nodes."""

from __future__ import annotations

import random

from crowbar.verify.cloud import Cloud
from crowbar.verify.guest import Guest
from crowbar.verify.model import CheckError

MOST = 16  # hypervisors: of more, so many are drawn
_HEADERS = 28  # bytes of an IPv4 and an ICMP header


def hypervisors(cloud: Cloud) -> list[str]:
    """The hosts that instances can be started on, at most MOST of them."""
    known = cloud.connection.compute.hypervisors(details=True)
    hosts = sorted(one.service_details["host"] for one in known if (one.state, one.status) == ("up", "enabled"))
    return sorted(random.sample(hosts, MOST)) if len(hosts) > MOST else hosts


def host_of(cloud: Cloud, server_id: str) -> str:
    """The host that the instance runs on; "" if Nova does not tell."""
    return str(cloud.connection.compute.get_server(server_id).compute_host or "")


def reach(guest: Guest, address: str, mtu: int, host: str) -> None:
    """See that the guest reaches the address, also by packets as large as its network takes.

    Raises CheckError with what ping said.
    """
    for size in (56, *([mtu - _HEADERS] if mtu else [])):
        answer = guest.run(f"ping -c 3 -W 5 -s {size} {address} || true").decode(errors="replace")
        if "100% packet loss" in answer or "bytes from" not in answer:
            raise CheckError(f"The instance on {host} is not reached by packets of {size + _HEADERS} bytes:\n{answer}")
