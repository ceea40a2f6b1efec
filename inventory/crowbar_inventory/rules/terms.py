"""The small words of a rule: patterns, ranges of numbers, sizes; read from YAML's values, or what would be right."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Any

from pydantic import PlainValidator

from crowbar_inventory.text import one_line

_MIB = 1024 * 1024
_MOST = 2**63 - 1
_PATTERNS = 256  # in one list
_SIZE = re.compile(r"(\d{1,15})(?:\.(\d{1,6}))?\s*([kKMGTP]?)(i?)B?", re.ASCII)
_PREFIXES = " KMGTP"
_COMPARED = re.compile(r"(>=|<=|>|<)\s*(.*)")
_BETWEEN = re.compile(r"(.*?)\s*\.\.\s*(.*)")


@dataclass(frozen=True)
class Range:
    """A number's bounds, both of them within it."""

    least: int = 0
    most: int = _MOST

    def __contains__(self, value: int) -> bool:
        return self.least <= value <= self.most

    def __str__(self) -> str:
        if self.least == self.most:
            return str(self.least)
        if self.most == _MOST:
            return f"at least {self.least}"
        return f"{self.least} to {self.most}" if self.least else f"at most {self.most}"


def matches(text: str, patterns: Sequence[str]) -> bool:
    """Whether one of the patterns has the text, without regard to case. What is not told matches none."""
    return bool(text) and any(fnmatchcase(text.casefold(), pattern.casefold()) for pattern in patterns)


def read_text(value: Any) -> str:
    """A text that is not empty."""
    text = one_line(value, 1024)
    if not text:
        raise ValueError("must be a text")
    return text


def read_patterns(value: Any) -> tuple[str, ...]:
    """One pattern (``*`` and ``?`` stand for anything) or a list of which one must fit."""
    values = value if isinstance(value, list) else [value]
    # A serial of digits alone is a number to YAML.
    texts = [str(one) if isinstance(one, int) and not isinstance(one, bool) else one for one in values]
    if not texts or len(texts) > _PATTERNS or not all(one_line(text) for text in texts):
        raise ValueError(f'must be a pattern, such as "Dell*", or a list of up to {_PATTERNS}')
    return tuple(one_line(text) for text in texts)


def read_subnets(value: Any) -> tuple[str, ...]:
    """A subnet or a list of them."""
    subnets = []
    for text in read_patterns(value):
        try:
            subnets.append(str(ipaddress.ip_network(text, strict=False)))
        except ValueError:
            raise ValueError(f'must be a subnet, such as "10.0.1.0/24", not {text!r}') from None
    return tuple(subnets)


def in_subnets(address: str, subnets: Sequence[str]) -> bool:
    """Whether the address is in one of them; "" is not."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in ipaddress.ip_network(subnet) for subnet in subnets)


def read_count(value: Any) -> int:
    """A whole number."""
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:20])
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MOST:
        raise ValueError("must be a whole number")
    return value


def read_bytes(value: Any) -> int:
    """Bytes, from a number or a text: "480 GB" as makers of disks count, "447 GiB" as memory is counted."""
    found = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        try:
            return read_count(value)
        except ValueError:
            raise ValueError('must be a size, such as "480 GB" or "100 GiB"') from None
    factor: int = (1024 if found[4] else 1000) ** _PREFIXES.index(found[3].upper() or " ")
    millionths = int(found[1]) * 10**6 + int((found[2] or "0").ljust(6, "0"))
    return min(millionths * factor // 10**6, _MOST)


def read_mib(value: Any) -> int:
    """MiB, from a number or a text with a unit: "64 GiB"."""
    try:
        return read_count(value)
    except ValueError:
        return read_bytes(value) // _MIB


def range_of(read: Callable[[Any], int]) -> Callable[[Any], Range]:
    """A reader of ranges: a number (that one), ">= 8", "< 8", "4..8", or a mapping of min and max."""

    def reader(value: Any) -> Range:
        if isinstance(value, dict):
            if not value or set(value) - {"min", "max"}:
                raise ValueError("a mapping here has min, max or both")
            bounds = {_BOUNDS[key]: read(bound) for key, bound in value.items()}
            return _ordered(Range(**bounds))
        if isinstance(value, str):
            if found := _COMPARED.fullmatch(value.strip()):
                return _compared(found[1], read(found[2]))
            if found := _BETWEEN.fullmatch(value.strip()):
                return _ordered(Range(read(found[1]), read(found[2])))
        number = read(value)
        return Range(number, number)

    return reader


_BOUNDS = {"min": "least", "max": "most"}


def _compared(sign: str, number: int) -> Range:
    if sign == ">=":
        return Range(least=number)
    if sign == "<=":
        return Range(most=number)
    return _ordered(Range(least=number + 1) if sign == ">" else Range(most=number - 1))


def _ordered(found: Range) -> Range:
    if found.least > found.most or found.most < 0:
        raise ValueError("no number is in this range")
    return found


Text = Annotated[str, PlainValidator(read_text)]
Patterns = Annotated[tuple[str, ...], PlainValidator(read_patterns)]
Subnets = Annotated[tuple[str, ...], PlainValidator(read_subnets)]
Counts = Annotated[Range, PlainValidator(range_of(read_count))]
Sizes = Annotated[Range, PlainValidator(range_of(read_bytes))]
Mebibytes = Annotated[Range, PlainValidator(range_of(read_mib))]
