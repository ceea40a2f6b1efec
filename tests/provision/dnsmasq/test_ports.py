from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from crowbar.provision.dnsmasq.ports import holders

OURS = IPv4Address("10.0.0.1")


def _row(where: str, users: str = 'users:(("dnsmasq",pid=12,fd=4))') -> str:
    return f"UNCONN 0      0      {where} 0.0.0.0:* {users}"


@pytest.mark.parametrize("where", ["0.0.0.0:67", "0.0.0.0%br0:67", "10.0.0.1:69", "*:67", "[::]:69"])
def test_a_server_that_would_hear_what_is_ours(where: str) -> None:
    (holder,) = holders(_row(where), "br0", OURS, (67, 69))
    assert str(holder).endswith("is taken by dnsmasq (process 12)")


@pytest.mark.parametrize("where", ["0.0.0.0%virbr0:67", "10.0.0.2:69", "127.0.0.1:69", "0.0.0.0:68", "[::1]:69"])
def test_a_server_of_another_network_is_none_of_our_business(where: str) -> None:
    assert list(holders(_row(where), "br0", OURS, (67, 69))) == []


def test_one_whose_process_cannot_be_seen() -> None:
    (holder,) = holders(_row("0.0.0.0:67", ""), "br0", OURS, (67,))
    assert "another container" in str(holder)
    assert list(holders("what ss never says\n\n", "br0", OURS, (67,))) == []
