#!/usr/bin/python3
"""Have Neutron forget the agents of nodes that have left. Arguments: the nodes that there are; OS_* says who asks.

Neutron's API keeps the agents of OVN in memory, each of its processes for itself: it is restarted when there is one to
forget.
"""

from __future__ import annotations

import subprocess
import sys
import time
from typing import Any

import openstack

SECONDS = 90.0
EVERY = 2.0
CALM = 5  # so many answers in a row, as several processes answer


def leaving(cloud: openstack.connection.Connection, stay: set[str]) -> list[Any]:
    """The agents of nodes that have left."""
    return [one for one in cloud.network.agents() if one.host not in stay]


def forget(cloud: openstack.connection.Connection, agents: list[Any]) -> None:
    """Delete the agents; of those of one chassis, the first takes the others with it."""
    for agent in agents:
        try:
            cloud.network.delete_agent(agent)
        except openstack.exceptions.NotFoundException:
            continue


def main() -> int:
    """Entry point: 1 if Neutron still tells of them after some time."""
    cloud, stay = openstack.connect(), set(sys.argv[1:])
    agents = leaving(cloud, stay)
    if not agents:
        return 0
    forget(cloud, agents)
    subprocess.run(["systemctl", "restart", "neutron-api.service"], check=True)
    until, calm = time.monotonic() + SECONDS, 0
    while calm < CALM:
        try:
            left = leaving(cloud, stay)
        except openstack.exceptions.SDKException:  # it is just starting
            left = agents
        calm = 0 if left else calm + 1
        if left and time.monotonic() > until:
            hosts = ", ".join(sorted({one.host for one in left}))
            print(f"Neutron still has agents on {hosts}, which have left.", file=sys.stderr)
            return 1
        time.sleep(EVERY if left else 0.2)
    print(f"forgot {len(agents)} agents")
    return 0


if __name__ == "__main__":
    sys.exit(main())
