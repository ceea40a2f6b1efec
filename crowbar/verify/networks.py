"""A network of a project, routed to the outside, with a port for one instance and a floating IP on it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from crowbar.verify.cloud import Cloud
from crowbar.verify.model import CheckError

# Both projects' networks have the same addresses: what keeps them apart is the network, not the routing.
CIDR = "192.168.231.0/24"


@dataclass(frozen=True)
class Segment:
    """A network with its router and security group. ``mtu`` is what its DHCP hands out, in bytes."""

    name: str
    network_id: str
    group_id: str
    external_id: str
    mtu: int


@dataclass(frozen=True)
class Port:
    """Where an instance is plugged in: its address in the network, and the floating IP that leads to it."""

    id: str
    fixed_ip: str
    floating_ip: str


def external_network(cloud: Cloud) -> str:
    """The id of the network that floating IPs come from. Raises CheckError if the cloud has none."""
    for network in cloud.connection.network.networks(is_router_external=True):
        return str(network.id)
    raise CheckError(
        "The cloud has no external network (router:external), so nothing can have a floating IP.",
        hint="Deploy quantum with a provider network, or make one with `openstack network create --external`.",
    )


def build_segment(cloud: Cloud, name: str, external_id: str) -> Segment:
    """A network ``name`` with a subnet, a router to ``external_id``, and a group that lets in SSH and ping."""
    client = cloud.connection.network
    network = client.create_network(name=name)
    subnet = client.create_subnet(name=name, network_id=network.id, ip_version=4, cidr=CIDR)
    router = client.create_router(name=name, external_gateway_info={"network_id": external_id})
    client.add_interface_to_router(router, subnet.id)
    group = client.create_security_group(name=name, description="made by crowbar verify")
    for rule in ({"protocol": "tcp", "port_range_min": 22, "port_range_max": 22}, {"protocol": "icmp"}):
        client.create_security_group_rule(
            security_group_id=group.id, direction="ingress", ether_type="IPv4", remote_ip_prefix="0.0.0.0/0", **rule
        )
    return Segment(name, network.id, group.id, external_id, int(network.mtu or 0))


def plug(cloud: Cloud, segment: Segment, name: str, host: int) -> Port:
    """A port ``name`` whose address ends in ``host``, and a floating IP that leads to it."""
    client = cloud.connection.network
    address = f"{CIDR.rsplit('.', 1)[0]}.{host}"
    port = client.create_port(
        name=name,
        network_id=segment.network_id,
        security_group_ids=[segment.group_id],
        fixed_ips=[{"ip_address": address}],
    )
    # A floating IP has no name: its description is how a later run finds it.
    floating = client.create_ip(floating_network_id=segment.external_id, port_id=port.id, description=name)
    return Port(port.id, address, floating.floating_ip_address)


def visible_networks(cloud: Cloud) -> Sequence[str]:
    """The ids of all networks that the signed-in user is shown."""
    return [network.id for network in cloud.connection.network.networks()]


def gateway() -> str:
    """The router's address in a segment: Neutron gives it the first one of the subnet."""
    return f"{CIDR.rsplit('.', 1)[0]}.1"
