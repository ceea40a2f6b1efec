#!/usr/bin/python3
"""Have Cinder forget the back ends of nodes that have none any more. Arguments: those that have; OS_* says who."""

from __future__ import annotations

import subprocess
import sys

import openstack


def main() -> int:
    """Entry point: 1 if a back end that left still has volumes, as Cinder knows them; it is not forgotten then."""
    cloud = openstack.connect()
    stay, status = set(sys.argv[1:]), 0
    left = [
        one.host
        for one in cloud.block_storage.services()
        if one.binary == "cinder-volume" and one.host.partition("@")[0] not in stay
    ]
    volumes = list(cloud.block_storage.volumes(all_projects=True)) if left else []
    for host in left:
        there = [one.name or one.id for one in volumes if (one.host or "").partition("#")[0] == host]
        if there:
            print(
                f"{host} has left, and Cinder has volumes there: {', '.join(there)}. "
                f"Migrate or delete them, and deploy again.",
                file=sys.stderr,
            )
            status = 1
            continue
        subprocess.run(["cinder-manage", "service", "remove", "cinder-volume", host], check=True)
        print(f"forgot the back end {host}")
    return status


if __name__ == "__main__":
    sys.exit(main())
