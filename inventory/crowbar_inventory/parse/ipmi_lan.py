"""`ipmitool lan print`: where the server's own BMC is in the network."""

from __future__ import annotations

import ipaddress

from crowbar_inventory.hardware import BmcLan
from crowbar_inventory.identity import clean_mac
from crowbar_inventory.parse.values import Notes


def read_ipmi_lan(text: str, notes: Notes) -> BmcLan | None:
    """The BMC; None if there is none. One without an address yet has its MAC alone."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    found = BmcLan(_address(fields.get("IP Address", "")), clean_mac(fields.get("MAC Address", "")))
    if found != BmcLan():
        return found
    if text.strip():
        notes.add("it tells no address and no MAC of the BMC")
    return None


def _address(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    return "" if address.is_unspecified else str(address)
