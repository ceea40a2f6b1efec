"""`lldpcli -f json0 show neighbors` (or `-f json`): what is at the other end of each cable.

`json0` has lists everywhere and names as values. `json` has an object where there is one of a thing and a list where
there are several, and the names of interfaces and neighbours as keys.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crowbar_inventory.hardware import Neighbour
from crowbar_inventory.parse.values import Notes, Row, few, load, row, rows, word
from crowbar_inventory.text import told

_PARTS = {"id", "name", "descr", "mgmt-ip", "capability", "ttl"}  # of a chassis; any other key is a neighbour's name


def read_lldp(text: str, notes: Notes) -> dict[str, Neighbour]:
    """The neighbour of each interface. Where several are heard, the one that speaks LLDP itself; else the first."""
    found: dict[str, Neighbour] = {}
    spoken: set[str] = set()
    for name, entry in few(_interfaces(load(text, notes))):
        lldp = word(entry.get("via")).upper() in {"LLDP", ""}
        neighbour = _neighbour(entry)
        if neighbour != Neighbour() and (name not in found or (lldp and name not in spoken)):
            found[name] = neighbour
        if lldp:
            spoken.add(name)
    return found


def _interfaces(data: Any) -> Iterator[tuple[str, Row]]:
    for top in rows(row(data).get("lldp")):
        for entry in rows(top.get("interface")):
            if "chassis" in entry or "port" in entry:
                yield word(entry.get("name")), entry
                continue
            for name, value in entry.items():
                yield from ((word(name), one) for one in rows(value))


def _neighbour(entry: Row) -> Neighbour:
    chassis = next(iter(rows(entry.get("chassis"))), {})
    system = _value(chassis.get("name"))
    if not _PARTS & chassis.keys():
        system, chassis = next(((word(key), row(value)) for key, value in chassis.items()), ("", {}))
    port = next(iter(rows(entry.get("port"))), {})
    return Neighbour(
        chassis=told(_value(chassis.get("id"))),
        port=told(_value(port.get("id"))) or told(_value(port.get("descr"))),
        system=told(system),
    )


def _value(data: Any) -> str:
    """The text in ``[{"value": text}]``, ``{"value": text}`` or the text itself."""
    if isinstance(data, list):
        data = data[0] if data else None
    return word(data.get("value")) if isinstance(data, dict) else word(data)
