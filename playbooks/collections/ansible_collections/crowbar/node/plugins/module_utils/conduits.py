# Copyright: Crowbar developers
# SPDX-License-Identifier: Apache-2.0
"""Crowbar's conduits: which network cards a name like `10g1` or `+1g2` means on a node. Pure.

The grammar is that of Crowbar's network barclamp: `[quantifier][speed][number]`. The number counts the cards of that
speed from 1, in the order of the bus. `+` takes that speed or a faster one, `-` that speed or a slower one, `?` that
speed, else a faster, else a slower one; without a quantifier it must be that speed. Cards of the speed that is named
count first, then those of the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_GIGA = 1000  # Mbit/s
UNKNOWN_IS = _GIGA  # a card that tells no speed, as a virtual machine's, counts as one of 1g
_NAME = re.compile(r"(?P<quantifier>[-+?]?)(?P<speed>[1-9]\d{0,2})(?P<unit>[mg])(?P<number>[1-9]\d?)")
_BUS = re.compile(r"([0-9a-f]{4,}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])")
_DIGITS = re.compile(r"(\d+)")


class ConduitError(Exception):
    """A conduit cannot be had of the cards that are there; the message says all that is wrong."""


@dataclass(frozen=True)
class Card:
    """A network card's port.

    ``speed`` is the fastest it can do in Mbit/s, 0 if it does not tell; ``path`` where it is in the tree of buses
    ("/sys/devices/pci0000:00/0000:00:03.0"), "" if that is not known; ``port`` its number on the card.
    """

    name: str
    mac: str
    speed: int = 0
    path: str = ""
    port: int = 0

    @property
    def counts_as(self) -> int:
        """The speed by which it is named."""
        return self.speed or UNKNOWN_IS


def in_order(cards: Iterable[Card], bus_order: Sequence[str] = ()) -> list[Card]:
    """The cards by their place in ``bus_order`` (beginnings of paths below the bus, first the first), then by bus."""

    def key(card: Card) -> tuple[object, ...]:
        place = card.path.partition("/pci")[2]
        rank = next((n for n, one in enumerate(bus_order) if _below(place, one)), len(bus_order))
        bus = tuple(tuple(int(part, 16) for part in found) for found in _BUS.findall(card.path))
        name = tuple((part.isdigit(), int(part) if part.isdigit() else 0, part) for part in _DIGITS.split(card.name))
        return rank, not bus, bus, card.port, name

    return sorted(cards, key=key)


def _below(place: str, beginning: str) -> bool:
    wanted = beginning.removeprefix("pci").strip("/")
    return place == wanted or place.startswith(f"{wanted}/")


def bus_order(interface_map: Iterable[Mapping[str, Any]], product: str) -> list[str]:
    """The order of the first entry whose pattern is found in the product's name (DMI); [] if there is none.

    Raises ConduitError for a pattern that is no regular expression.
    """
    for entry in interface_map:
        try:
            found = re.search(str(entry["pattern"]), product)
        except re.error as error:
            raise ConduitError(f"interface_map: {entry['pattern']!r} is no regular expression: {error}") from error
        if found:
            return [str(one) for one in entry["bus_order"]]
    return []


def resolve(conduits: Mapping[str, Sequence[str]], cards: Sequence[Card]) -> dict[str, list[Card]]:
    """Conduit -> its cards, for conduits by their cards' names; ``cards`` are in order.

    Raises ConduitError with everything that is wrong: names that are none, cards that are not there, or taken twice.
    """
    faults: list[str] = []
    found: dict[str, list[Card]] = {}
    owner: dict[str, str] = {}
    for conduit, names in conduits.items():
        found[conduit] = []
        for name in names:
            card = _card(name, cards)
            if isinstance(card, str):
                faults.append(f"conduit {conduit}: {card}")
            elif card.name in owner:
                faults.append(f"conduit {conduit}: {name} is {card.name}, which conduit {owner[card.name]} has")
            else:
                owner[card.name] = conduit
                found[conduit].append(card)
    if faults:
        there = ", ".join(f"{one.name} ({speed(one.counts_as)})" for one in cards) or "none"
        raise ConduitError("\n".join([*faults, f"Network cards that there are, in order: {there}."]))
    return found


def _card(name: str, cards: Sequence[Card]) -> Card | str:
    """The card of that name, or what is wrong."""
    match = _NAME.fullmatch(name)
    if match is None:
        return f"{name!r} is no name of a card such as 1g1, +1g2, ?10g1"
    wanted = int(match["speed"]) * (_GIGA if match["unit"] == "g" else 1)
    number = int(match["number"])
    matching = [card for one in _speeds(match["quantifier"], wanted, cards) for card in cards if card.counts_as == one]
    if len(matching) < number:
        return f"there is no {name}: {len(matching)} cards match"
    return matching[number - 1]


def _speeds(quantifier: str, wanted: int, cards: Sequence[Card]) -> list[int]:
    """The speeds that will do, the best first."""
    there = sorted({card.counts_as for card in cards})
    faster = [one for one in there if one > wanted] if quantifier in ("+", "?") else []
    slower = [one for one in reversed(there) if one < wanted] if quantifier in ("-", "?") else []
    return [wanted, *faster, *slower]


def speed(megabits: int) -> str:
    """As conduits have it: "100m", "10g"."""
    gigabits, rest = divmod(megabits, _GIGA)
    return f"{megabits}m" if rest or not gigabits else f"{gigabits}g"
