"""The bytes of a FRU inventory device (IPMI Platform Management FRU Information Storage Definition 1.0)."""

from __future__ import annotations

from collections.abc import Sequence

SIZE = 512  # what the device holds
_TEXT = 0xC0  # type/length byte: 8-bit text
_LONGEST = 0x3F
_END = 0xC1
_ENGLISH = 0
_SERVER_CHASSIS = 0x17  # SMBIOS: rack mount chassis


def fru(*, vendor: str, product: str, serial: str, asset: str) -> bytes:
    """A FRU with chassis, board and product areas, padded to ``SIZE``."""
    chassis = _area(bytes([_SERVER_CHASSIS]), ["CB-CHASSIS", serial])
    board = _area(bytes([_ENGLISH, 0, 0, 0]), [vendor, f"{product} board", f"{serial}B", "CB-BOARD", ""])
    goods = _area(bytes([_ENGLISH]), [vendor, product, "CB-1", "1.0", serial, asset, ""])
    offsets, at = [], 8
    for area in (chassis, board, goods):
        offsets.append(at // 8)
        at += len(area)
    header = bytes([1, 0, *offsets, 0, 0])
    return (header + _checksum(header) + chassis + board + goods).ljust(SIZE, b"\0")


def _area(head: bytes, fields: Sequence[str]) -> bytes:
    coded = b"".join(_field(text) for text in fields)
    body = head + coded + bytes([_END])
    length = (2 + len(body) + 1 + 7) // 8  # in units of eight bytes, checksum included
    area = (bytes([1, length]) + body).ljust(length * 8 - 1, b"\0")
    return area + _checksum(area)


def _field(text: str) -> bytes:
    data = text.encode("latin-1", "replace")[:_LONGEST]
    if len(data) == 1:
        data += b" "  # the byte of a text of length one would read as the end
    return bytes([_TEXT | len(data)]) + data


def _checksum(data: bytes) -> bytes:
    return bytes([-sum(data) & 0xFF])
