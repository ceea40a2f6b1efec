#!/usr/bin/python3
"""Make the provider network that routers and floating IPs are in, and its subnet, or bring them up to date.

Input is the environment: OS_* for openstacksdk, and the names below. What cannot be changed in place (the physical
network, the addresses) is left alone when it differs, with a warning: instances may be using it.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import openstack


def provider() -> dict[str, Any]:
    """The attributes that say where the network is physically."""
    wanted: dict[str, Any] = {
        "provider_physical_network": os.environ["PHYSICAL_NETWORK"],
        "provider_network_type": os.environ["NETWORK_TYPE"],
    }
    if wanted["provider_network_type"] == "vlan":
        wanted["provider_segmentation_id"] = int(os.environ["SEGMENTATION_ID"])
    return wanted


def ensure_network(cloud: openstack.connection.Connection) -> Any:
    """The network, made or brought up to date."""
    name, shared = os.environ["NETWORK"], os.environ["SHARED"] == "yes"
    network = cloud.network.find_network(name, is_router_external=True)
    if network is None:
        return cloud.network.create_network(name=name, is_router_external=True, is_shared=shared, **provider())
    differing = [key for key, value in provider().items() if getattr(network, key) != value]
    if differing:
        print(f"network {name} exists with another {', '.join(differing)}: left as it is", file=sys.stderr)
    if network.is_shared != shared:
        cloud.network.update_network(network, is_shared=shared)
    return network


def ensure_subnet(cloud: openstack.connection.Connection, network: Any) -> None:
    """The network's subnet: made, or its gateway and pool brought up to date."""
    name = os.environ["SUBNET"]
    pools = [{"start": os.environ["POOL_START"], "end": os.environ["POOL_END"]}]
    changing: dict[str, Any] = {"gateway_ip": os.environ["GATEWAY"], "allocation_pools": pools}
    subnet = cloud.network.find_subnet(name, network_id=network.id)
    if subnet is None:
        cloud.network.create_subnet(
            name=name, network_id=network.id, ip_version=4, cidr=os.environ["CIDR"], is_dhcp_enabled=False, **changing
        )
    elif subnet.cidr != os.environ["CIDR"]:
        print(f"subnet {name} exists with another cidr, {subnet.cidr}: left as it is", file=sys.stderr)
    elif any(getattr(subnet, key) != value for key, value in changing.items()):
        cloud.network.update_subnet(subnet, **changing)


def main() -> None:
    """Entry point."""
    cloud = openstack.connect()
    ensure_subnet(cloud, ensure_network(cloud))


if __name__ == "__main__":
    main()
