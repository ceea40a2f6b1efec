from __future__ import annotations

import threading
from ipaddress import IPv4Network, ip_network
from pathlib import Path

import pytest

from crowbar.errors import EnvironmentFault
from crowbar.rack.subnet import check_routes, choosing, free_subnet, host_networks


def test_the_first_free_one_is_taken() -> None:
    first = free_subnet([])
    second = free_subnet([first])
    assert first.prefixlen == second.prefixlen == 24
    assert not first.overlaps(second)
    assert first.is_private


def test_a_wide_route_of_the_hosts_rules_out_all_it_covers() -> None:
    assert not free_subnet([IPv4Network("10.0.0.0/8")]).subnet_of(IPv4Network("10.0.0.0/8"))


def test_the_machines_own_networks_are_ruled_out() -> None:
    first = free_subnet([])
    assert free_subnet([], [first]) != first


def test_a_host_that_routes_everything_private_is_told() -> None:
    private = [IPv4Network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
    with pytest.raises(EnvironmentFault, match="Every private network"):
        free_subnet(private)


def test_all_clashes_are_named() -> None:
    wanted = [IPv4Network("172.24.4.0/24"), IPv4Network("172.24.5.0/24"), IPv4Network("172.30.0.0/24")]
    with pytest.raises(EnvironmentFault) as caught:
        check_routes(wanted, [IPv4Network("172.24.0.0/16")])
    assert "172.24.4.0/24 (with 172.24.0.0/16), 172.24.5.0/24 (with 172.24.0.0/16)" in caught.value.message
    check_routes(wanted, [IPv4Network("10.0.0.0/8")])


def test_the_hosts_networks_include_its_loopback() -> None:
    loopback = ip_network("127.0.0.1/32")
    assert any(network.overlaps(loopback) for network in host_networks())
    assert not any(network.overlaps(loopback) for network in host_networks(but="lo"))


def test_one_command_chooses_at_a_time(tmp_path: Path) -> None:
    """The next waits until the subnet of the one before is in use."""
    lock = tmp_path / "lock"
    order: list[str] = []

    def another() -> None:
        with choosing(lock):
            order.append("another")

    thread = threading.Thread(target=another)
    with choosing(lock):
        thread.start()
        thread.join(0.3)
        order.append("one")
    thread.join(10)
    assert order == ["one", "another"]
