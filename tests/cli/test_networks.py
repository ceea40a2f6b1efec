"""`crowbar networks`, on a real store."""

from __future__ import annotations

import pytest

from crowbar.store.machine_model import Machine

from .conftest import Cli

ADMIN = ("networks", "set", "admin", "--subnet", "198.51.100.0/24", "--range", "host=198.51.100.20-198.51.100.21")


@pytest.fixture
def nets(cli: Cli) -> Cli:
    """The command with an admin network."""
    cli.ok(*ADMIN)
    return cli


def test_a_network_is_made_changed_and_shown(nets: Cli) -> None:
    changed = nets.json("networks", "set", "admin", "--gateway", "198.51.100.1", "--auto-approve", "--vlan", "7")
    assert changed["network"]["ranges"] == {"host": ["198.51.100.20", "198.51.100.21"]}
    assert (changed["network"]["gateway"], changed["network"]["auto_approve"]) == ("198.51.100.1", True)
    assert nets.json("networks", "list")["networks"] == [changed["network"]]
    assert "host 198.51.100.20-198.51.100.21" in nets.ok("networks", "list")
    assert "let in" in nets.ok("networks", "show", "admin")
    nets.ok("networks", "set", "admin", "--no-auto-approve", "--gateway", "")
    assert "to be approved" in nets.ok("networks", "show", "admin")


def test_who_has_which_address(nets: Cli) -> None:
    with nets.context() as context:
        context.store.machines.save(Machine("m1", macs=("52:54:00:00:00:01",)))
        context.store.networks.allocate("admin", "m1", "52:54:00:00:00:01")
    [entry] = nets.json("networks", "show", "admin")["addresses"]
    assert entry == {"mac": "52:54:00:00:00:01", "address": "198.51.100.20", "node": "m1"}
    assert "52:54:00:00:00:01" in nets.ok("networks", "show", "admin")
    refused = nets("networks", "delete", "admin")
    assert refused.exit_code == 2
    assert "node m1 has an address in it" in refused.stderr
    moved = nets("networks", "set", "admin", "--range", "host=198.51.100.30-198.51.100.31")
    assert moved.exit_code == 2
    assert "node m1 has 198.51.100.20" in moved.stderr
    nets.ok("machines", "delete", "m1", "--yes")
    assert nets.json("networks", "delete", "admin") == {"network": None}
    assert nets.json("networks", "list") == {"networks": []}


def test_a_range_is_added_and_taken_away(nets: Cli) -> None:
    nets.ok("networks", "set", "admin", "--range", "dynamic=198.51.100.100-198.51.100.110")
    document = nets.json("networks", "set", "admin", "--range", "dynamic=")
    assert list(document["network"]["ranges"]) == ["host"]


def test_all_faults_are_told_at_once(nets: Cli) -> None:
    result = nets(
        *("networks", "set", "storage", "--subnet", "10.0.0.5/24", "--vlan", "5000", "--mtu", "1"),
        *("--range", "host", "--range", "x=10.0.0.1", "--range", "y=1-2", "--range", "y=1-2"),
    )
    assert result.exit_code == 2
    for words in ("10.0.0.0/24 is meant", "5000 is none", "1 is none", "--range host:", "--range x=10.0.0.1:", "twice"):
        assert words in result.stderr
    overlapping = nets(
        "networks", "set", "other", "--subnet", "198.51.100.0/24", "--range", "host=198.51.100.1-198.51.100.99"
    )
    assert "overlaps host of network admin" in overlapping.stderr
    assert [one["name"] for one in nets.json("networks", "list")["networks"]] == ["admin"]


@pytest.mark.parametrize("words", [("set", "storage"), ("show", "storage"), ("delete", "storage")])
def test_a_network_that_is_not_there(nets: Cli, words: tuple[str, ...]) -> None:
    result = nets("networks", *words)
    assert result.exit_code == 2
    assert "There is no network 'storage'" in result.stderr


def test_none_yet(cli: Cli) -> None:
    assert "networks set admin" in cli("networks", "list").stderr
