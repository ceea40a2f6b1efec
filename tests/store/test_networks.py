"""Networks are checked as a whole; an address is given once, whoever asks."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing.context import ForkServerContext
from pathlib import Path

import pytest

from crowbar.errors import EnvironmentFault, InputError
from crowbar.store.machine_model import HostEntry, Machine, Network
from crowbar.store.network_rules import conflicts, faults_of
from crowbar.store.store import Store, open_store

from .at_once import allocate_addresses

ADMIN = Network(
    "admin",
    "10.0.0.0/24",
    gateway="10.0.0.1",
    ranges={
        "admin": ("10.0.0.2", "10.0.0.9"),
        "host": ("10.0.0.10", "10.0.0.12"),
        "dynamic": ("10.0.0.200", "10.0.0.250"),
    },
    auto_approve=True,
)
MAC = "52:54:00:00:00:0a"


@pytest.fixture
def admin(store: Store) -> Store:
    store.networks.save(ADMIN)
    for n in range(1, 5):
        store.machines.save(Machine(f"m{n}"))
    return store


def test_networks_come_back_as_they_were_saved(store: Store) -> None:
    other = Network("storage", "10.1.0.0/16", vlan=300, mtu=9000)
    for network in (other, ADMIN, other):
        store.networks.save(network)
    assert store.networks.list() == [ADMIN, other]
    assert store.networks.get("storage") == other
    assert store.networks.get("none") is None
    store.networks.delete("storage")
    store.networks.delete("storage")
    assert store.networks.list() == [ADMIN]


def test_the_same_node_gets_its_address_again(admin: Store) -> None:
    networks = admin.networks
    assert [networks.allocate("admin", name) for name in ("m1", "m2", "m1", "m2")] == ["10.0.0.10", "10.0.0.11"] * 2
    node = admin.nodes.get("m1")
    view = admin.machines.view("m1")
    assert node and view and node.address == "10.0.0.10" and view.addresses == {"admin": "10.0.0.10"}


def test_hosts_with_their_macs(admin: Store) -> None:
    networks = admin.networks
    networks.allocate("admin", "m1", MAC.upper())
    networks.allocate("admin", "m2")
    networks.allocate("admin", "m1")
    assert list(networks.hosts("admin")) == [HostEntry(MAC, "10.0.0.10", "m1"), HostEntry("", "10.0.0.11", "m2")]
    networks.allocate("admin", "m2", MAC)  # the card was moved: DHCP must not have two that claim it
    assert list(networks.hosts("admin")) == [HostEntry("", "10.0.0.10", "m1"), HostEntry(MAC, "10.0.0.11", "m2")]
    assert list(networks.hosts("none")) == []
    with pytest.raises(InputError, match="is no MAC"):
        networks.allocate("admin", "m3", "52:54")


def test_an_exhausted_range_says_what_to_do_and_an_address_that_is_freed_can_be_had(admin: Store) -> None:
    networks = admin.networks
    for name in ("m1", "m2", "m3"):
        networks.allocate("admin", name)
    with pytest.raises(EnvironmentFault) as raised:
        networks.allocate("admin", "m4")
    assert "'host' of network admin (10.0.0.10-10.0.0.12) is exhausted: all 3" in raised.value.message
    assert "Widen the range" in raised.value.hint
    networks.release("m2")
    node = admin.nodes.get("m2")
    assert node and node.addresses == {}
    assert networks.allocate("admin", "m4") == "10.0.0.11"


@pytest.mark.parametrize("freed", ["m1", "m2"])
def test_an_address_that_is_freed_rests(admin: Store, freed: str) -> None:
    """It is the last to be given again: the machine that had it may be on, and use it."""
    networks = admin.networks
    before = {name: networks.allocate("admin", name) for name in ("m1", "m2")}
    assert networks.last_given() == {"admin": 11}
    networks.release(freed, "admin")
    networks.release(freed)
    assert networks.allocate("admin", "m3") == "10.0.0.12"
    networks.save(replace(ADMIN, mtu=9000))  # and it is remembered whatever is changed
    assert networks.allocate("admin", "m4") == before[freed]


def test_addresses_of_several_networks(admin: Store) -> None:
    admin.networks.save(Network("bmc", "10.0.0.0/24", ranges={"host": ("10.0.0.100", "10.0.0.120")}))
    assert admin.networks.allocate("admin", "m1") == "10.0.0.10"
    assert admin.networks.allocate("bmc", "m1") == "10.0.0.100"
    admin.networks.release("m1", "admin")
    node = admin.nodes.get("m1")
    assert node and node.addresses == {"bmc": "10.0.0.100"}


def test_what_addresses_cannot_be_had_for(admin: Store) -> None:
    admin.networks.save(Network("bare", "10.2.0.0/24"))
    for network, node, message in (
        ("none", "m1", "no network 'none'"),
        ("admin", "none", "no node 'none'"),
        ("bare", "m1", "no range 'host'"),
    ):
        with pytest.raises(InputError, match=message):
            admin.networks.allocate(network, node)


def test_a_network_does_not_lose_addresses_that_nodes_have(admin: Store) -> None:
    networks = admin.networks
    networks.allocate("admin", "m1")
    networks.allocate("admin", "m2")
    narrower = replace(ADMIN, ranges={"host": ("10.0.0.11", "10.0.0.50")})
    moved = replace(ADMIN, subnet="10.9.0.0/24", gateway="", ranges={"host": ("10.9.0.10", "10.9.0.12")})
    for network, nodes in ((narrower, ["m1"]), (moved, ["m1", "m2"])):
        with pytest.raises(InputError) as raised:
            networks.save(network)
        assert [fault.message.split()[1] for fault in raised.value.faults] == nodes
    with pytest.raises(InputError, match="node m2 has an address in it"):
        networks.delete("admin")
    wider = replace(ADMIN, mtu=9000, ranges={"host": ("10.0.0.5", "10.0.0.50")})
    networks.save(wider)
    assert networks.get("admin") == wider
    assert networks.allocate("admin", "m2") == "10.0.0.11"


@pytest.mark.parametrize(
    ("changes", "messages"),
    [
        ({}, []),
        ({"ranges": {"host": ("10.0.0.10", "10.0.0.10")}}, []),
        ({"subnet": "10.0.0.0/33"}, ["'10.0.0.0/33' is no IPv4 subnet such as 10.0.0.0/24"]),
        ({"subnet": "10.0.0.5/24"}, ["'10.0.0.5/24' has host bits set; 10.0.0.0/24 is meant"]),
        ({"subnet": "fd00::/64"}, ["'fd00::/64' is no IPv4 subnet such as 10.0.0.0/24"]),
        ({"subnet": "10.0.0.0/31"}, ["'10.0.0.0/31' must have a prefix between /8 and /30"]),
        ({"gateway": "10.0.1.1"}, ["10.0.1.1 is outside of 10.0.0.0/24"]),
        ({"gateway": "door"}, ["'door' is no IPv4 address"]),
        ({"gateway": "10.0.0.12"}, ["10.0.0.12 is in the range host, whose addresses are given to others"]),
        ({"ranges": {"host": ("10.0.0.9", "x")}}, ["'10.0.0.9' to 'x' are not two IPv4 addresses"]),
        ({"ranges": {"host": ("10.0.0.9", "10.0.0.8")}}, ["10.0.0.9 is after 10.0.0.8; exchange them"]),
        ({"ranges": {"host": ("10.0.0.9", "10.0.1.8")}}, ["10.0.1.8 is outside of 10.0.0.0/24"]),
        (
            {"ranges": {"host": ("10.0.0.0", "10.0.0.255")}, "gateway": ""},
            ["10.0.0.0-10.0.0.255 takes in the subnet's own or its broadcast address"],
        ),
        (
            {"name": "Admin net", "vlan": 4095, "mtu": 100, "subnet": "x"},
            [
                "a name has at most 32 of a-z, 0-9, - and _, and begins with a letter",
                "4095 is none: 1 to 4094, or 0 for untagged",
                "100 is none: 576 to 9216",
                "'x' is no IPv4 subnet such as 10.0.0.0/24",
            ],
        ),
        (
            {"ranges": {"host": ("10.0.0.10", "10.0.0.20"), "dynamic": ("10.0.0.20", "10.0.0.30"), "x": ("", "")}},
            ["'' to '' are not two IPv4 addresses", "10.0.0.20-10.0.0.30 overlaps host (10.0.0.10-10.0.0.20)"],
        ),
    ],
)
def test_all_that_is_wrong_with_a_network_is_told_at_once(changes: dict[str, object], messages: list[str]) -> None:
    network = replace(ADMIN, **changes)  # type: ignore[arg-type]  # the table's values fit their fields
    assert [fault.message for fault in faults_of(network)] == messages
    assert all(fault.place.startswith(f"network {network.name}") for fault in faults_of(network))


def test_two_networks_share_a_subnet_but_no_address(admin: Store) -> None:
    bmc = Network("bmc", "10.0.0.0/24", ranges={"host": ("10.0.0.12", "10.0.0.20")})
    [fault] = conflicts(bmc, [ADMIN, bmc])
    assert (
        str(fault)
        == "network bmc ranges/host: 10.0.0.12-10.0.0.20 overlaps host of network admin (10.0.0.10-10.0.0.12)"
    )
    with pytest.raises(InputError, match="overlaps host of network admin"):
        admin.networks.save(bmc)
    with pytest.raises(InputError, match="is no IPv4 subnet"):
        admin.networks.save(replace(bmc, subnet=""))
    assert admin.networks.list() == [ADMIN]


def test_threads_that_allocate_at_once_get_different_addresses(admin: Store) -> None:
    admin.networks.save(replace(ADMIN, ranges={"host": ("10.0.0.10", "10.0.0.99")}))
    names = [f"n{n}" for n in range(40)]
    for name in names:
        admin.machines.save(Machine(name))
    with ThreadPoolExecutor(8) as pool:
        given = dict(
            zip(names * 2, pool.map(lambda name: admin.networks.allocate("admin", name), names * 2), strict=True)
        )
    assert len(set(given.values())) == len(names)
    assert {host.node: host.address for host in admin.networks.hosts("admin")} == given


def test_processes_that_allocate_at_once_get_different_addresses(
    url: str, key_file: Path, processes: ForkServerContext
) -> None:
    with open_store(url, key_file) as store:
        store.networks.save(replace(ADMIN, ranges={"host": ("10.0.0.10", "10.0.0.99")}))
        for name in ("shared", *(f"m{n}" for n in range(20))):
            store.machines.save(Machine(name))
    together = processes.Barrier(2)
    pipes = [processes.Pipe(duplex=False) for _ in range(2)]
    allocating = [
        processes.Process(target=allocate_addresses, args=(url, key_file, together, theirs, 10 * n))
        for n, (_, theirs) in enumerate(pipes)
    ]
    for process in allocating:
        process.start()
    told = [ours.recv() if ours.poll(60) else [] for ours, _ in pipes]
    for process in allocating:
        process.join(30)
    for end in (end for pipe in pipes for end in pipe):
        end.close()
    assert [process.exitcode for process in allocating] == [0, 0]
    assert sorted(Counter(told[0] + told[1]).values()) == [1] * 20 + [2]
