# Copyright: Crowbar developers
# SPDX-License-Identifier: Apache-2.0
"""The network cards of this machine, as the kernel has them."""

from __future__ import annotations

import array
import fcntl
import json
import re
import socket
import struct
from pathlib import Path
from typing import Any

from ansible_collections.crowbar.node.plugins.module_utils import process
from ansible_collections.crowbar.node.plugins.module_utils.conduits import Card

_NET = Path("/sys/class/net")
_CONTAINERS = re.compile(r"(eth|host)\d+")  # what a container's own cards are called, which are ends of veth pairs
_SIOCETHTOOL, _GLINKSETTINGS = 0x8946, 0x4C  # linux/sockios.h, linux/ethtool.h
_SETTINGS = struct.Struct("=II7Bb4B7I")  # struct ethtool_link_settings, as far as the masks
_SPEED, _WORDS = 1, 9  # fields of it
_MOST_WORDS = 127  # of a mask
_UNKNOWN_SPEED = 0xFFFFFFFF

# The bits of link modes (enum ethtool_link_mode_bit_indices) that say a speed in Mbit/s, from and to.
_MODES = (
    (10, ((0, 1),)),
    (100, ((2, 3), (67, 67))),
    (1000, ((4, 5), (17, 17), (41, 41), (68, 68))),
    (2500, ((15, 15), (47, 47))),
    (5000, ((48, 48),)),
    (10000, ((12, 12), (18, 20), (42, 46))),
    (20000, ((21, 22),)),
    (25000, ((31, 33),)),
    (40000, ((23, 26),)),
    (50000, ((34, 35), (40, 40), (52, 56))),
    (56000, ((27, 30),)),
    (100000, ((36, 39), (57, 61), (75, 79))),
    (200000, ((62, 66), (80, 84))),
    (400000, ((69, 73), (85, 89))),
)


def cards() -> list[Card]:
    """Every card that the machine has of itself: no virtual functions, no USB (a BMC's), nothing made of others."""
    listed = json.loads(process.run(["ip", "-json", "-details", "link", "show"]).output or "[]")
    ethernet = [one for one in listed if one.get("link_type") == "ether"]
    found = [card for one in ethernet if (card := _hardware(one)) is not None]
    return found or [Card(one["ifname"], one["address"], fastest(one["ifname"])) for one in ethernet if _contained(one)]


def product() -> str:
    """What the maker calls the machine (DMI), "" where nobody says."""
    return _text(Path("/sys/class/dmi/id/product_name"))


def _hardware(link: dict[str, Any]) -> Card | None:
    """The card, if it is one. In a container /sys is its host's, so the index tells whether it is the same."""
    name = link["ifname"]
    folder = _NET / name
    if not (folder / "device").exists() or _text(folder / "ifindex") != str(link["ifindex"]):
        return None
    if (folder / "device/physfn").exists():
        return None
    path = str((folder / "device").resolve())
    if "/usb" in path:
        return None
    # In a bond, all of its cards have the bond's address.
    mac = _text(folder / "bonding_slave/perm_hwaddr") or str(link.get("permaddr") or link["address"])
    return Card(name, mac, fastest(name), path, int(_text(folder / "dev_port") or 0))


def _contained(link: dict[str, Any]) -> bool:
    kind = link.get("linkinfo", {}).get("info_kind")
    return kind == "veth" and _CONTAINERS.fullmatch(link["ifname"]) is not None


def fastest(name: str) -> int:
    """The fastest that the card can do, in Mbit/s, else what it does now; 0 if it does not say."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            words = -_asked(control, name, 0)[1]
            now, _, masks = _asked(control, name, words)
    except OSError:
        return 0
    modes = int.from_bytes(masks[: 4 * words], "little")
    can = [speed for speed, spans in _MODES if any(modes >> bit & 1 for a, b in spans for bit in range(a, b + 1))]
    return max(can, default=0 if now == _UNKNOWN_SPEED else now)


def _asked(control: socket.socket, name: str, words: int) -> tuple[int, int, bytes]:
    """The present speed, the number of words of a mask (negative: so many are wanted), and the masks."""
    fields = [_GLINKSETTINGS, *(0,) * 20]
    fields[_WORDS] = words
    buffer = array.array("B", _SETTINGS.pack(*fields) + bytes(3 * 4 * _MOST_WORDS))
    request = struct.pack("16sP", name.encode(), buffer.buffer_info()[0])
    fcntl.ioctl(control.fileno(), _SIOCETHTOOL, request)
    answer = buffer.tobytes()
    values = _SETTINGS.unpack_from(answer)
    return values[_SPEED], values[_WORDS], answer[_SETTINGS.size :]


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
