"""The host's routes through a machine, to the networks behind it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from ipaddress import IPv4Network

from crowbar.rack.host import run
from crowbar.rack.record import Record


def settle(bridge: str, record: Record) -> None:
    """Have the host reach the record's networks through the machine on ``bridge``, and no other ones any more.

    Raises EnvironmentFault with the words of `ip`.
    """
    settle_through(bridge, dict.fromkeys(record.routes, str(record.address)), [str(record.address)])


def settle_through(interface: str, wanted: Mapping[str, str], ours: Collection[str]) -> dict[str, str]:
    """Have the host reach these networks by the gateways given, on ``interface``; those that are new.

    Other routes through ``ours``, the machines there, are removed. Raises EnvironmentFault with the words of `ip`.
    """
    there: dict[IPv4Network, str] = {}
    for row in json.loads(run("ip", "-json", "-4", "route", "show", "dev", interface) or "[]"):
        if row.get("gateway") in ours and row["dst"] != "default":
            there[IPv4Network(row["dst"])] = row["gateway"]
    asked = {IPv4Network(network): gateway for network, gateway in wanted.items()}
    for network, gateway in there.items():
        if network not in asked:
            run("ip", "route", "delete", str(network), "via", gateway, "dev", interface)
    new = {str(net): gateway for net, gateway in asked.items() if there.get(net) != gateway}
    for destination, gateway in new.items():
        run("ip", "route", "replace", destination, "via", gateway, "dev", interface)
    return new
