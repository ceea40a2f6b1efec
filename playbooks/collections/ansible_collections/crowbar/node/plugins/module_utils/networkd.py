# Copyright: Crowbar developers
# SPDX-License-Identifier: Apache-2.0
"""A node's networks as files of systemd-networkd (systemd.network(5), systemd.netdev(5)). Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ansible_collections.crowbar.node.plugins.module_utils.conduits import Card

PREFIX = "05-crowbar-"  # before 10-crowbar-<MAC>, by which the installer gave the node its first address
_LONGEST = 15  # IFNAMSIZ - 1
_HEAD = "# Laid out by Crowbar's barclamp network. Changes made here are lost.\n"


class LayoutError(Exception):
    """The networks cannot be laid out like that; the message says all that is wrong."""


@dataclass(frozen=True)
class Bond:
    """How the cards of a conduit are one (bonding.rst of the kernel; names are the kernel's)."""

    mode: str
    lacp_rate: str = "slow"
    hash_policy: str = "layer3+4"
    miimon: int = 100  # milliseconds


@dataclass(frozen=True)
class Conduit:
    """A conduit's cards, and how they are one, where they are several."""

    name: str
    cards: tuple[Card, ...]
    bond: Bond | None = None

    @property
    def device(self) -> str:
        """The device that carries its networks: the bond has the conduit's name."""
        return self.name if self.bond else self.cards[0].name


@dataclass(frozen=True)
class Net:
    """A network on the node: ``address`` with its prefix ("10.0.0.5/24"); ``metric`` is its gateway's preference."""

    name: str
    conduit: str
    address: str
    gateway: str = ""
    vlan: int = 0
    mtu: int = 1500
    bridge: bool = False
    metric: int = 10

    def device(self, below: str) -> str:
        """The device that has the address, where ``below`` carries the conduit."""
        return f"br-{self.name}" if self.bridge else self.tagged(below)

    def tagged(self, below: str) -> str:
        """The device of the network's VLAN; that of the conduit, if it is untagged."""
        return f"vlan{self.vlan}" if self.vlan else below


def devices(conduits: Sequence[Conduit], nets: Sequence[Net]) -> dict[str, str]:
    """Network -> the device that has the node's address in it."""
    below = {one.name: one.device for one in conduits}
    return {net.name: net.device(below[net.conduit]) for net in nets}


def render(conduits: Sequence[Conduit], nets: Sequence[Net]) -> dict[str, str]:
    """The files by name. Raises LayoutError."""
    if faults := list(_faults(conduits, nets)):
        raise LayoutError("\n".join(faults))
    files: dict[str, str] = {}
    for conduit in conduits:
        mine = [net for net in nets if net.conduit == conduit.name]
        if not mine:
            continue
        mtu = max(net.mtu for net in mine)
        if conduit.bond:
            files |= _bonded(conduit, conduit.bond, mtu)
            match = [f"Name={conduit.device}"]
        else:
            match = _match(conduit.cards[0])
        vlans = [f"VLAN={net.tagged('')}" for net in mine if net.vlan]
        files |= _network(conduit.device, match, mtu, vlans, [net for net in mine if not net.vlan])
        for net in mine:
            files |= _own_devices(net)
    return files


def _faults(conduits: Sequence[Conduit], nets: Sequence[Net]) -> Iterator[str]:
    known = {one.name for one in conduits}
    for conduit in conduits:
        if not conduit.cards:
            yield f"conduit {conduit.name}: it has no network card"
        elif len(conduit.cards) > 1 and not conduit.bond:
            yield f"conduit {conduit.name}: it has {len(conduit.cards)} cards, and no bond's mode that makes them one"
        if conduit.bond and len(conduit.name) > _LONGEST:
            yield f"conduit {conduit.name}: a bond's name has at most {_LONGEST} characters"
        others = {card.name for one in conduits for card in one.cards}
        if conduit.bond and conduit.name in others:
            yield f"conduit {conduit.name}: its bond would have the name of a network card"
    yield from _net_faults(known, nets)
    for name in sorted(known):
        untagged = [net for net in nets if net.conduit == name and not net.vlan]
        if len(untagged) > 1 and any(net.bridge for net in untagged):
            names = " and ".join(net.name for net in untagged)
            yield f"conduit {name}: {names} are untagged, so none of them can have a bridge of its own"


def _net_faults(known: Collection[str], nets: Sequence[Net]) -> Iterator[str]:
    tags: dict[int, str] = {}
    for net in nets:
        if net.conduit not in known:
            yield f"network {net.name}: there is no conduit {net.conduit}"
        if net.bridge and len(net.device("")) > _LONGEST:
            yield f"network {net.name}: its bridge {net.device('')} would have more than {_LONGEST} characters"
        if net.vlan and net.vlan in tags:
            yield f"network {net.name}: network {tags[net.vlan]} has the VLAN {net.vlan} on this node"
        elif net.vlan:
            tags[net.vlan] = net.name


def _bonded(conduit: Conduit, bond: Bond, mtu: int) -> dict[str, str]:
    lines = [f"Mode={bond.mode}", f"MIIMonitorSec={bond.miimon}ms"]
    if bond.mode == "802.3ad":
        lines.append(f"LACPTransmitRate={bond.lacp_rate}")
    if bond.mode in ("802.3ad", "balance-xor", "balance-tlb"):
        lines.append(f"TransmitHashPolicy={bond.hash_policy}")
    files = {f"{PREFIX}{conduit.device}.netdev": _netdev(conduit.device, "bond", mtu, Bond=lines)}
    for card in conduit.cards:
        files[f"{PREFIX}{card.name}.network"] = _sections(
            {"Match": _match(card), "Link": [f"MTUBytes={mtu}"], "Network": [f"Bond={conduit.device}"]}
        )
    return files


def _own_devices(net: Net) -> dict[str, str]:
    """The files of a network's VLAN and bridge."""
    files: dict[str, str] = {}
    if net.vlan:
        device = net.tagged("")
        files[f"{PREFIX}{device}.netdev"] = _netdev(device, "vlan", net.mtu, VLAN=[f"Id={net.vlan}"])
        files |= _network(device, [f"Name={device}"], net.mtu, [], [net])
    if net.bridge:
        device = net.device("")
        files[f"{PREFIX}{device}.netdev"] = _netdev(device, "bridge", net.mtu, Bridge=["STP=no"])
        bare = Net(net.name, net.conduit, net.address, net.gateway, mtu=net.mtu, metric=net.metric)
        files |= _network(device, [f"Name={device}"], net.mtu, [], [bare])
    return files


def _network(device: str, match: Sequence[str], mtu: int, lines: Sequence[str], nets: Sequence[Net]) -> dict[str, str]:
    """The file of a device that has these networks: their addresses, or the one's bridge."""
    bridges = [f"Bridge={net.device(device)}" for net in nets if net.bridge]
    own = [net for net in nets if not net.bridge]
    settings = [*lines, *bridges, *(f"Address={net.address}" for net in own)]
    if not bridges:
        settings += ["IPv6AcceptRA=no", *([] if own else ["LinkLocalAddressing=no"])]
    text = _sections({"Match": match, "Link": [f"MTUBytes={mtu}"], "Network": settings})
    for net in own:
        if net.gateway:
            text += "\n" + _sections({"Route": [f"Gateway={net.gateway}", f"Metric={net.metric}"]}, head="")
    return {f"{PREFIX}{device}.network": text}


def _netdev(device: str, kind: str, mtu: int, **own: Sequence[str]) -> str:
    return _sections({"NetDev": [f"Name={device}", f"Kind={kind}", f"MTUBytes={mtu}"], **own})


def _match(card: Card) -> list[str]:
    """By the card's own address, which stays when others come or go; a container's has none that is its own."""
    return [f"PermanentMACAddress={card.mac}"] if card.path else [f"Name={card.name}"]


def _sections(sections: Mapping[str, Sequence[str]], head: str = _HEAD) -> str:
    return head + "\n".join(f"[{name}]\n" + "".join(f"{line}\n" for line in lines) for name, lines in sections.items())


def made_by(files: Mapping[str, str]) -> dict[str, str]:
    """The devices that the files bring into being, each with the text that describes it."""
    return {
        name.removeprefix(PREFIX).removesuffix(".netdev"): text
        for name, text in files.items()
        if name.endswith(".netdev")
    }
