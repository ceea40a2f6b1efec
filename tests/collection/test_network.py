"""What conduits mean, and what systemd-networkd is told of them."""

from __future__ import annotations

import pytest
from ansible_collections.crowbar.node.plugins.module_utils import cards, networkd
from ansible_collections.crowbar.node.plugins.module_utils.conduits import (
    Card,
    ConduitError,
    bus_order,
    in_order,
    resolve,
)
from ansible_collections.crowbar.node.plugins.module_utils.networkd import Bond, Conduit, LayoutError, Net
from ansible_collections.crowbar.node.plugins.module_utils.reach import Place, lacking

PCI = "/sys/devices/pci0000:00"


def card(name: str, speed: int, path: str = "", port: int = 0) -> Card:
    return Card(name, f"52:54:00:00:00:{int(name[-1]):02x}", speed, path and f"{PCI}/{path}", port)


# As udev names them: what is further on the bus may well have the smaller name.
SLOW = [card("eno2", 1000, "0000:00:1c.0/0000:02:00.1"), card("eno1", 1000, "0000:00:1c.0/0000:02:00.0")]
FAST = [card("enp9", 10000, "0000:00:03.0/0000:05:00.0", 0), card("enp8", 25000, "0000:00:03.0/0000:05:00.0", 1)]
ALL = in_order([*SLOW, *FAST])


def names(conduit: list[Card]) -> list[str]:
    return [one.name for one in conduit]


def test_cards_are_in_the_order_of_the_bus_then_of_their_ports() -> None:
    assert names(ALL) == ["enp9", "enp8", "eno1", "eno2"]
    assert names(in_order([card("eth10", 0), card("eth9", 0), *SLOW])) == ["eno1", "eno2", "eth9", "eth10"]


def test_an_interface_map_has_another_order_for_a_product() -> None:
    rows = [
        {"pattern": "R6.0", "bus_order": ["0000:00/0000:00:99"]},
        {"pattern": "^PowerEdge R7", "bus_order": ["0000:00/0000:00:1c.0", "0000:00/0000:00:03.0"]},
    ]
    order = bus_order(rows, "PowerEdge R740")
    assert names(in_order(ALL, order)) == ["eno1", "eno2", "enp9", "enp8"]
    assert bus_order(rows, "ProLiant") == []
    with pytest.raises(ConduitError, match=r"interface_map: 'R7\(' is no regular expression"):
        bus_order([{"pattern": "R7(", "bus_order": []}], "PowerEdge R740")
    assert names(in_order(ALL, ["0000:00/0000:00:1"])) == names(ALL), "a part of an address is none"


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("1g1", "eno1"),
        ("1g2", "eno2"),
        ("10g1", "enp9"),
        ("+1g2", "eno2"),  # those of the speed itself come first
        ("+1g3", "enp9"),
        ("+1g4", "enp8"),
        ("-10g1", "enp9"),
        ("-10g2", "eno1"),
        ("?5g1", "enp9"),  # a faster one before a slower one
        ("?5g3", "eno1"),
        ("?100g1", "enp8"),
    ],
)
def test_a_conduit_s_name_means_a_card(name: str, found: str) -> None:
    assert names(resolve({"intf0": [name]}, ALL)["intf0"]) == [found]


def test_a_card_that_tells_no_speed_counts_as_one_of_1g() -> None:
    assert names(resolve({"intf0": ["1g2"]}, [card("eth0", 0), card("eth1", 0)])["intf0"]) == ["eth1"]


def test_all_that_is_wrong_with_conduits_is_said_with_the_cards_that_there_are() -> None:
    with pytest.raises(ConduitError) as caught:
        resolve({"a": ["1g1", "+10g3"], "b": ["?1g1", "fast"]}, ALL)
    assert str(caught.value).splitlines() == [
        "conduit a: there is no +10g3: 2 cards match",
        "conduit b: ?1g1 is eno1, which conduit a has",
        "conduit b: 'fast' is no name of a card such as 1g1, +1g2, ?10g1",
        "Network cards that there are, in order: enp9 (10g), enp8 (25g), eno1 (1g), eno2 (1g).",
    ]


def files(conduits: list[Conduit], *nets: Net) -> dict[str, list[str]]:
    found = networkd.render(conduits, nets)
    return {name.removeprefix("05-crowbar-"): text.splitlines()[1:] for name, text in found.items()}


def test_a_card_with_a_network_has_its_address_and_its_way_out() -> None:
    admin = Net("admin", "intf0", "10.0.0.5/24", gateway="10.0.0.1", mtu=9000, metric=5)
    assert files([Conduit("intf0", (SLOW[1],))], admin) == {
        "eno1.network": [
            *("[Match]", "PermanentMACAddress=52:54:00:00:00:01", "", "[Link]", "MTUBytes=9000", ""),
            *("[Network]", "Address=10.0.0.5/24", "IPv6AcceptRA=no", "", "[Route]", "Gateway=10.0.0.1", "Metric=5"),
        ]
    }
    assert files([Conduit("intf0", (card("eth0", 0),))], admin)["eth0.network"][1] == "Name=eth0", "a container's"


def test_a_bond_carries_vlans_and_a_bridge_is_on_its_vlan() -> None:
    bond = Conduit("intf1", tuple(FAST), Bond("802.3ad", "fast"))
    storage = Net("storage", "intf1", "10.1.0.5/24", vlan=100, mtu=9000)
    public = Net("public", "intf1", "10.2.0.5/24", vlan=200, bridge=True)
    made = files([bond], storage, public)
    assert sorted(made) == [
        *("br-public.netdev", "br-public.network", "enp8.network", "enp9.network", "intf1.netdev", "intf1.network"),
        *("vlan100.netdev", "vlan100.network", "vlan200.netdev", "vlan200.network"),
    ]
    assert made["intf1.netdev"][-5:] == [
        *("[Bond]", "Mode=802.3ad", "MIIMonitorSec=100ms", "LACPTransmitRate=fast", "TransmitHashPolicy=layer3+4")
    ]
    assert made["enp9.network"][-2:] == ["[Network]", "Bond=intf1"]
    assert made["intf1.network"][4] == "MTUBytes=9000", "no less than what its networks need"
    assert made["intf1.network"][-4:] == ["VLAN=vlan100", "VLAN=vlan200", "IPv6AcceptRA=no", "LinkLocalAddressing=no"]
    assert "Address=10.1.0.5/24" in made["vlan100.network"]
    assert made["vlan200.network"][-1] == "Bridge=br-public"
    assert "MTUBytes=1500" in made["br-public.network"]
    assert "Address=10.2.0.5/24" in made["br-public.network"]
    assert networkd.devices([bond], [storage, public]) == {"storage": "vlan100", "public": "br-public"}


def test_all_that_cannot_be_laid_out_is_said() -> None:
    several = Conduit("a", tuple(SLOW))
    one = Conduit("b", (FAST[0],))
    named = Conduit("enp8", (FAST[1],), Bond("active-backup"))
    nets = [
        Net("storage", "b", "10.1.0.5/24", vlan=7),
        Net("tenant", "b", "10.2.0.5/24", vlan=7),
        Net("public", "b", "10.3.0.5/24", bridge=True),
        Net("rather-a-long-name", "b", "10.4.0.5/24", bridge=True),
        Net("other", "c", "10.5.0.5/24"),
    ]
    with pytest.raises(LayoutError) as caught:
        networkd.render([several, one, named], nets)
    assert str(caught.value).splitlines() == [
        "conduit a: it has 2 cards, and no bond's mode that makes them one",
        "conduit enp8: its bond would have the name of a network card",
        "network tenant: network storage has the VLAN 7 on this node",
        "network rather-a-long-name: its bridge br-rather-a-long-name would have more than 15 characters",
        "network other: there is no conduit c",
        "conduit b: public and rather-a-long-name are untagged, so none of them can have a bridge of its own",
    ]


def test_what_a_node_lacks_is_said_by_device() -> None:
    there = {
        "eth0": Place(frozenset({"10.0.0.5/24"}), 1500, carrier=True),
        "eth1": Place(frozenset(), 1500, carrier=False),
    }
    assert lacking([("eth0", "10.0.0.5/24", 1500)], there) == []
    wanted = [("eth0", "10.0.0.5/24", 9000), ("eth1", "10.1.0.5/24", 1500), ("intf1", "10.2.0.5/24", 1500)]
    assert lacking(wanted, there) == [
        "eth0 has an MTU of 1500, and is to have 9000",
        "eth1 has no address 10.1.0.5/24: nothing is connected to it",
        "intf1: there is no such device",
    ]


def test_the_kernel_is_asked_for_a_card_s_speed() -> None:
    assert cards.fastest("lo") == 0, "the loopback has none"
    assert cards.fastest("nosuch0") == 0
