"""`ip -j -d address`, and the agent's own look at /sys: what each tells of a network interface, by its name."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Any

from crowbar_inventory.identity import clean_mac
from crowbar_inventory.parse.values import Notes, Row, few, load, number, row, rows, truth_or_none, word
from crowbar_inventory.text import told

_NAME_LIMIT = 64
_ADDRESSES = 64  # of one interface
_SPEED_MAX = 10_000_000  # Mbit/s; the kernel's "unknown" is -1, and 4294967295 where it has no sign
_UNKNOWN_SPEED = 65535  # and this in old drivers
_PCI = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]", re.IGNORECASE)


@dataclass(frozen=True)
class NicPart:
    """What one source tells of an interface: "" and 0 and None where it does not."""

    name: str
    mac: str = ""
    driver: str = ""
    pci: str = ""
    speed: int = 0
    link: bool | None = None
    addresses: tuple[str, ...] = ()


def read_ip_link(text: str, notes: Notes) -> tuple[NicPart, ...]:
    """The Ethernet interfaces of hardware: bridges, bonds, VLANs, tunnels and the like are left out."""
    data = load(text, notes)
    if data is not None and not isinstance(data, list):
        notes.add("no list of interfaces in it")
    return tuple(part for entry in rows(data) if (part := _interface(entry)))


def nic_part(entry: Row) -> NicPart | None:
    """An interface by the agent's keys; None for one without a name."""
    name = told(entry.get("name"), _NAME_LIMIT)
    if not name:
        return None
    speed = number(entry.get("speed"), _SPEED_MAX)
    return NicPart(
        name=name,
        mac=clean_mac(word(entry.get("permanent_mac"))) or clean_mac(word(entry.get("mac"))),
        driver=told(entry.get("driver")),
        pci=_pci(entry.get("pci")),
        speed=0 if speed == _UNKNOWN_SPEED else speed,
        link=truth_or_none(entry.get("link")),
    )


def _interface(entry: Row) -> NicPart | None:
    """An entry of `ip`. Its older versions print {} for what they leave out."""
    name = told(entry.get("ifname"), _NAME_LIMIT)
    kind = word(row(entry.get("linkinfo")).get("info_kind"))
    if not name or entry.get("link_type", "ether") != "ether" or (kind and kind != "veth"):
        return None
    flags = entry.get("flags")
    return NicPart(
        name=name,
        # The permanent one where it is told: a bond's members show the bond's.
        mac=clean_mac(word(entry.get("permaddr"))) or clean_mac(word(entry.get("address"))),
        driver=kind,
        pci=_pci(entry.get("parentdev")),
        link="LOWER_UP" in flags if isinstance(flags, list) else None,
        addresses=_addresses(entry.get("addr_info")),
    )


def _addresses(value: Any) -> tuple[str, ...]:
    """What others can reach it by, with the prefix's length."""
    found = []
    for entry in few(rows(value), _ADDRESSES):
        try:
            address = ipaddress.ip_interface(f"{word(entry.get('local'))}/{word(entry.get('prefixlen'))}")
        except ValueError:
            continue
        if not (address.is_link_local or address.is_loopback or address.is_unspecified):
            found.append(str(address))
    return tuple(found)


def _pci(value: Any) -> str:
    text = word(value).lower()
    return text if _PCI.fullmatch(text) else ""
