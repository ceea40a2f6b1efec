"""The board's own description (FRU 0): read in pieces of a size that the BMC bears, and made plain text."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from typing import Any

from crowbar_inventory.bmc.completion import completion_error
from crowbar_inventory.bmc.model import BmcError
from crowbar_inventory.bmc.wire import Reply, Request

_STORAGE, _AREA_INFO, _READ_DATA = 0x0A, 0x10, 0x11
# "Too much at once" is said in four ways; OpenIPMI's simulator says C8h.
_TOO_MUCH = (0xC7, 0xC8, 0xC9, 0xCA)
_MOST_BYTES = 8192  # the areas read here are in the first two kilobytes
_PIECE, _SMALLEST_PIECE = 128, 8
_MOST_CHARACTERS = 100
_FIELDS = {
    "Manufacturer": "manufacturer",
    "Product name": "product",
    "Model": "part_number",
    "Hardware Version": "version",
    "Serial Number": "serial",
    "Asset Number": "asset_tag",
    "Board manufacturer": "board_manufacturer",
    "Board product name": "board_product",
    "Board serial number": "board_serial",
    "Board model": "board_part_number",
    "Chassis part number": "chassis_part_number",
    "Chassis serial number": "chassis_serial",
}


def read_fru(ask: Callable[[Request], Reply]) -> bytes:
    """The raw bytes. Raises BmcError."""
    info = _expect(ask(Request(_STORAGE, _AREA_INFO, bytes([0]))), least=3)
    unit = 2 if info[2] & 1 else 1  # some count in words
    size = min(info[0] | info[1] << 8, _MOST_BYTES)
    piece, data = _PIECE, b""
    while len(data) < size:
        wanted = min(piece, size - len(data))
        at = len(data) // unit
        reply = ask(Request(_STORAGE, _READ_DATA, bytes([0, at & 0xFF, at >> 8, max(wanted // unit, 1)])))
        if reply.code in _TOO_MUCH and piece > _SMALLEST_PIECE:
            piece //= 2
            continue
        came = _expect(reply, least=1)[1:]
        if not came:
            break
        data += came
    return data[:size]


def _expect(reply: Reply, least: int) -> bytes:
    if reply.code:
        raise completion_error("read the FRU", reply.code)
    if len(reply.data) < least:
        raise BmcError("read the FRU: the BMC's answer is too short")
    return reply.data


def parse_fru(data: bytes) -> Mapping[str, str]:
    """What is in it, by names of ours; nothing in it is trusted. Raises BmcError if it is no FRU at all."""
    from pyghmi.exceptions import PyghmiException
    from pyghmi.ipmi.fru import FRU

    try:
        found: Mapping[str, Any] = FRU(rawdata=bytearray(data)).info or {}
    except (PyghmiException, LookupError, TypeError, ValueError, struct.error) as error:
        raise BmcError(f"read the FRU: it is damaged ({type(error).__name__})") from error
    texts = {ours: _clean(found.get(theirs)) for theirs, ours in _FIELDS.items()}
    return {name: text for name, text in texts.items() if text}


def _clean(value: object) -> str:
    if not isinstance(value, str):
        return ""
    return re.sub(r"[^\x20-\x7e\xa1-\xff]+", " ", value).strip()[:_MOST_CHARACTERS]
