"""Values out of text and JSON that nobody vouches for: of the wanted type, bounded, or empty. Nothing here raises."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeVar

from crowbar_inventory.text import one_line

ROWS = 4096  # of one list
RAW_LIMIT = 2 * 1024 * 1024  # characters of one raw text that are read
_NOTES = 100
_NUMBER_MAX = 2**63 - 1  # what a database's integer takes

_NUMBER = re.compile(r"\s*(\d{1,18})(?!\d)(?:[.,](\d{1,6})\d*)?\s*([A-Za-z]*)", re.ASCII)
_POWERS = {"": 0, "b": 0, "bytes": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}

Row = dict[str, Any]
_Item = TypeVar("_Item")


@dataclass
class Notes:
    """What could not be read, each line with the source's name before it."""

    source: str
    lines: list[str] = field(default_factory=list)

    def of(self, source: str) -> Notes:
        """Notes of another source into the same list."""
        return Notes(source, self.lines)

    def add(self, message: str) -> None:
        """Note it; of a flood only the beginning is kept."""
        if len(self.lines) < _NOTES:
            self.lines.append(f"{self.source}: {message}")


def load(text: str, notes: Notes) -> Any:
    """The JSON in the text; None, with a note, if it is none."""
    if not text.strip():
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        notes.add(f"not JSON: {one_line(str(error), 80)}")
        return None


def row(value: Any) -> Row:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> list[Row]:
    """The objects in a list; what is no object is left out. One object alone is a list of one."""
    if isinstance(value, dict):
        return [value]
    if not isinstance(value, list):
        return []
    return few(item for item in value if isinstance(item, dict))


def few(items: Iterable[_Item], limit: int = ROWS) -> list[_Item]:
    """At most ``limit`` of them."""
    return list(islice(items, limit))


def word(value: Any) -> str:
    """A text on one line; numbers, which some versions print without quotes, as text."""
    if isinstance(value, int) and not isinstance(value, bool) and -_NUMBER_MAX <= value <= _NUMBER_MAX:
        return str(value)
    return one_line(value)


def number(value: Any, most: int = _NUMBER_MAX) -> int:
    """A whole number from 0 to ``most``; 0 for anything else. A text's decimals, by point or comma, are dropped."""
    if isinstance(value, str):
        found = _NUMBER.match(value)
        value = int(found[1]) if found else 0
    elif isinstance(value, float) and math.isfinite(value):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return value if 0 <= value <= most else 0


def size(value: Any) -> int:
    """Bytes: a number, or a text with a unit ("16384 MB", "1.8T", "931,5 GiB"), which is binary as dmidecode's are."""
    if not isinstance(value, str):
        return number(value)
    found = _NUMBER.match(value)
    if not found:
        return 0
    unit = found[3].lower()
    power = _POWERS.get(unit if unit in _POWERS else unit.removesuffix("b").removesuffix("i"))
    if power is None:
        return 0
    decimals = int((found[2] or "0").ljust(6, "0"))
    return number((int(found[1]) * 10**6 + decimals) * 1024**power // 10**6)


def truth(value: Any) -> bool:
    """True for true, 1, "1", "true" and "yes"."""
    return value is True or (isinstance(value, int) and value == 1) or one_line(value).lower() in {"1", "true", "yes"}


def truth_or_none(value: Any) -> bool | None:
    """As `truth`, but None where nothing is told."""
    return None if value is None or value == "" else truth(value)
