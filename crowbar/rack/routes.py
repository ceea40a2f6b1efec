"""The host's routes through a machine, to the networks behind it."""

from __future__ import annotations

import json
from ipaddress import IPv4Network

from crowbar.rack.host import run
from crowbar.rack.record import Record


def settle(bridge: str, record: Record) -> None:
    """Have the host reach the record's networks through the machine on ``bridge``, and no other ones any more.

    Raises EnvironmentFault with the words of `ip`.
    """
    gateway = str(record.address)
    wanted = {IPv4Network(network) for network in record.routes}
    for row in json.loads(run("ip", "-json", "-4", "route", "show", "dev", bridge) or "[]"):
        ours = row.get("gateway") == gateway and row["dst"] != "default"
        if ours and IPv4Network(row["dst"]) not in wanted:
            run("ip", "route", "delete", row["dst"], "via", gateway, "dev", bridge)
    for network in record.routes:
        run("ip", "route", "replace", network, "via", gateway, "dev", bridge)
