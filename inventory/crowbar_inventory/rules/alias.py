"""A machine's other name, from a template: ``compute-{n}``, ``{product}-{serial}``."""

from __future__ import annotations

import re
from string import Formatter
from typing import Annotated, Any

from pydantic import PlainValidator

from crowbar_inventory.hardware import Hardware
from crowbar_inventory.rules.terms import read_text

FIELDS = ("n", "serial", "vendor", "product", "asset_tag", "mac")
_WIDTH = re.compile(r"0?[1-9]?", re.ASCII)
_LIMIT = 63  # of a host's name
_OTHERS = re.compile(r"[^a-z0-9]+")
_LITERAL = re.compile(r"[A-Za-z0-9-]*", re.ASCII)


def read_template(value: Any) -> str:
    """A template, checked: only our fields, and what may stand in a host's name."""
    text = read_text(value)
    try:
        pieces = list(Formatter().parse(text))
    except ValueError as error:
        raise ValueError(f"is no template: {error}") from None
    for literal, field, width, conversion in pieces:
        if not _LITERAL.fullmatch(literal):
            raise ValueError(f"may have letters, digits, dashes and fields, not {literal!r}")
        if field is None:
            continue
        if field not in FIELDS or conversion or (width and (field != "n" or not _WIDTH.fullmatch(width))):
            raise ValueError(f"has the field {field!r}; known are {', '.join(FIELDS)}, and {{n:02}} for digits")
    return text


def render(template: str, hardware: Hardware, number: int) -> tuple[str, str]:
    """The alias, and why there is none where the hardware does not tell a field of it."""
    values: dict[str, Any] = {
        "n": number,
        "serial": hardware.identity.serial,
        "vendor": hardware.vendor,
        "product": hardware.product,
        "asset_tag": hardware.asset_tag,
        "mac": next((nic.mac.replace(":", "") for nic in hardware.nics), ""),
    }
    for _, field, _, _ in Formatter().parse(template):
        if field is not None and values[field] == "":
            return "", f"no alias: {template} needs the {field}, which the hardware does not tell"
    text = template.format_map(values).lower()
    # A node's name is a host's name: what vendors write in theirs becomes dashes.
    name = _OTHERS.sub("-", text).strip("-")[:_LIMIT].rstrip("-")
    return name, "" if name else f"no alias: nothing is left of {text!r}"


Template = Annotated[str, PlainValidator(read_template)]
