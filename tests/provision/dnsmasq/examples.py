"""The network that these tests serve."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from crowbar.provision.dnsmasq import DhcpConfig, DhcpHost

CONFIG = DhcpConfig(
    interface="admin0",
    address=IPv4Address("10.99.7.1"),
    network=IPv4Network("10.99.7.0/24"),
    base_url="http://10.99.7.1:8080",
    dynamic=(IPv4Address("10.99.7.100"), IPv4Address("10.99.7.101")),
)


def host(number: int, name: str = "") -> DhcpHost:
    return DhcpHost(mac(number), IPv4Address(f"10.99.7.{number}"), name)


def mac(number: int) -> str:
    return f"52:54:00:00:00:{number:02x}"
