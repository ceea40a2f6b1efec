#!/usr/bin/python3
"""Have Nova forget the computes that are none any more. Arguments: the nodes that are; OS_* says who asks.

Nova forgets a compute's host mapping and resource provider with its service.
"""

from __future__ import annotations

import sys
from typing import Any

import openstack


def leaving(cloud: openstack.connection.Connection, stay: set[str]) -> list[Any]:
    """The services of nodes that are no computes any more."""
    return [one for one in cloud.compute.services(binary="nova-compute") if one.host not in stay]


def main() -> int:
    """Entry point: 1 if a node that left still has instances, as Nova knows them; nothing of it is forgotten then."""
    cloud = openstack.connect()
    status = 0
    for service in leaving(cloud, set(sys.argv[1:])):
        instances = [one.name for one in cloud.compute.servers(all_projects=True, compute_host=service.host)]
        if instances:
            print(
                f"{service.host} is no compute any more, and Nova has instances there: {', '.join(instances)}. "
                f"Move them (openstack server evacuate) or delete them, and deploy again.",
                file=sys.stderr,
            )
            status = 1
            continue
        cloud.compute.delete_service(service)
        print(f"forgot the compute {service.host}")
    return status


if __name__ == "__main__":
    sys.exit(main())
