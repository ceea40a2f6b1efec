"""A TFTP client (RFC 1350, 2348): reads one file, as a network card's firmware does."""

from __future__ import annotations

import socket
import struct

_READ, _DATA, _ACKNOWLEDGE, _ERROR, _OPTIONS = 1, 3, 4, 5, 6
_BLOCK = 1428
_DEFAULT_BLOCK = 512
_PATIENCE = 2.0
_TRIES = 5
_LONGEST = 8 << 20  # boot programs are far smaller


def read(server: str, name: str, port: int = 69) -> bytes:
    """The file of that name. Raises OSError with the server's own words, or when it falls silent."""
    request = struct.pack("!H", _READ) + b"\0".join([name.encode(), b"octet", b"blksize", str(_BLOCK).encode(), b""])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
        link.settimeout(_PATIENCE)
        size, expected, content = _DEFAULT_BLOCK, 1, bytearray()
        packet, peer = request, (server, port)
        while len(content) <= _LONGEST:
            kind, number, data, peer = _exchange(link, packet, peer, expected)
            if kind == _OPTIONS:
                size = _block_size(data)
                packet = struct.pack("!HH", _ACKNOWLEDGE, 0)
                continue
            content += data
            packet = struct.pack("!HH", _ACKNOWLEDGE, number)
            expected = (expected + 1) & 0xFFFF
            if len(data) < size:
                link.sendto(packet, peer)
                return bytes(content)
    raise OSError(f"{name} is longer than {_LONGEST} bytes")


def _exchange(
    link: socket.socket, packet: bytes, peer: tuple[str, int], expected: int
) -> tuple[int, int, bytes, tuple[str, int]]:
    """Send it until the block that is expected comes: its kind, number and content, and who sent it."""
    for _ in range(_TRIES):
        link.sendto(packet, peer)
        try:
            while True:
                data, sender = link.recvfrom(65536)
                kind, number = struct.unpack_from("!HH", data.ljust(4, b"\0"))
                if sender[0] != peer[0]:
                    continue
                if kind == _ERROR:
                    raise OSError(f"the TFTP server says: {data[4:].rstrip(bytes(1)).decode('utf-8', 'replace')[:200]}")
                if kind == _OPTIONS:
                    return kind, 0, data[2:], sender
                if kind == _DATA and number == expected:
                    return kind, number, data[4:], sender
        except TimeoutError:
            continue
    raise TimeoutError(f"no answer from the TFTP server {peer[0]}")


def _block_size(options: bytes) -> int:
    words = options.split(b"\0")
    agreed = dict(zip(words[::2], words[1::2], strict=False)).get(b"blksize", b"")
    return int(agreed) if agreed.isdigit() else _DEFAULT_BLOCK
