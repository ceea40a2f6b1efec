# Copyright: Crowbar developers
# SPDX-License-Identifier: Apache-2.0
"""Whether this node has the addresses that it is to have, and is still reached by those who reached it before."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ansible_collections.crowbar.node.plugins.module_utils import process

_DISCARD = 9  # a port (RFC 863) that nobody listens on: a refusal is an answer, too
_ENDS = re.compile(r"^\d+\s+\d+\s+(\S+)\s+(\S+)")  # after the lengths of its queues
_SSH_CONNECTIONS = ["ss", "-Htn", "state", "established", "sport", "=", ":22"]


@dataclass(frozen=True)
class Peer:
    """Who is connected to this node by SSH, and the address of the node's that he uses."""

    address: str
    mine: str


def peers() -> list[Peer]:
    """Who is connected by SSH now: the admin node among them."""
    found: dict[Peer, None] = {}
    for line in process.run(_SSH_CONNECTIONS).output.splitlines():
        for mine, far in _ENDS.findall(line):
            found[Peer(_host(far), _host(mine))] = None
    return [one for one in found if not one.address.startswith("127.") and one.address != "::1"]


def _host(text: str) -> str:
    """Of "[::ffff:10.0.0.1%eth0]:22" the address."""
    address = text.rpartition(":")[0].strip("[]").partition("%")[0]
    return address.removeprefix("::ffff:") if "." in address else address


def gateways() -> list[str]:
    """Whom the node sends to what it does not know."""
    routes = json.loads(process.run(["ip", "-json", "route", "show", "default"]).output or "[]")
    return [route["gateway"] for route in routes if "gateway" in route]


def answers(address: str) -> bool:
    """Whether anything comes back from there, within about a second."""
    if process.run(["ping", "-n", "-q", "-c", "1", "-W", "1", address]).status == 0:
        return True
    try:
        with socket.create_connection((address, _DISCARD), timeout=1):
            return True
    except ConnectionRefusedError:
        return True
    except OSError:
        return False


@dataclass(frozen=True)
class Place:
    """What a device has: addresses with their prefixes, its MTU, and whether its cable carries anything."""

    addresses: frozenset[str]
    mtu: int
    carrier: bool


def places() -> dict[str, Place]:
    """Device -> what it has."""
    listed = json.loads(process.run(["ip", "-json", "address", "show"]).output or "[]")
    return {
        one["ifname"]: Place(
            frozenset(f"{a['local']}/{a['prefixlen']}" for a in one["addr_info"]),
            one["mtu"],
            "NO-CARRIER" not in one["flags"],
        )
        for one in listed
        if "ifname" in one
    }


def lacking(wanted: Iterable[tuple[str, str, int]], there: Mapping[str, Place]) -> list[str]:
    """What is not as it is to be; ``wanted`` are device, address with prefix, and MTU."""
    found: list[str] = []
    for device, address, mtu in wanted:
        place = there.get(device)
        if place is None:
            found.append(f"{device}: there is no such device")
        elif address not in place.addresses:
            why = "" if place.carrier else ": nothing is connected to it"
            found.append(f"{device} has no address {address}{why}")
        elif place.mtu < mtu:
            found.append(f"{device} has an MTU of {place.mtu}, and is to have {mtu}")
    return found


def owner(address: str, there: Mapping[str, Place]) -> str:
    """The device that has the address (without prefix); "" if none has."""
    return next((name for name, one in there.items() if any(a.split("/")[0] == address for a in one.addresses)), "")
