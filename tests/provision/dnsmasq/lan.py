"""Two hosts on one cable, in network namespaces of their own: a server and a client that speaks DHCP and TFTP."""

from __future__ import annotations

import ctypes
import os
import socket
import struct
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

_CLONE_NEWNET = 0x40000000
_COOKIE = b"\x63\x82\x53\x63"
DISCOVER, OFFER, REQUEST, ACK, NAK = 1, 2, 3, 5, 6
CLIENT_ARCH, VENDOR_CLASS, IPXE, CLIENT_ID, HOST_NAME = 93, 60, 175, 61, 12


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """This thread, and what it starts, is in the namespace meanwhile."""
    libc = ctypes.CDLL(None, use_errno=True)
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    other = os.open(f"/run/netns/{namespace}", os.O_RDONLY)
    try:
        assert libc.setns(other, _CLONE_NEWNET) == 0
        yield
    finally:
        libc.setns(own, _CLONE_NEWNET)
        os.close(own)
        os.close(other)


@dataclass(frozen=True)
class Lan:
    """The namespaces; the server's interface is `admin0` with 10.99.7.1/24, the client's `boot0` without an address."""

    server: str
    client: str


@contextmanager
def lan(name: str) -> Iterator[Lan]:
    """Made, and taken away again."""
    made = Lan(f"{name}-s-{os.getpid()}", f"{name}-c-{os.getpid()}")
    try:
        for namespace in (made.server, made.client):
            _ip("netns", "add", namespace)
            _ip("-n", namespace, "link", "set", "lo", "up")
        _ip("-n", made.server, "link", "add", "admin0", "type", "veth", "peer", "name", "boot0", "netns", made.client)
        _ip("-n", made.server, "address", "add", "10.99.7.1/24", "dev", "admin0")
        _ip("-n", made.server, "link", "set", "admin0", "up")
        _ip("-n", made.client, "link", "set", "boot0", "up")
        yield made
    finally:
        for namespace in (made.server, made.client):
            subprocess.run(["ip", "netns", "delete", namespace], check=False, capture_output=True)


@dataclass(frozen=True)
class Answer:
    """A DHCP server's message."""

    kind: int
    address: str
    file: str
    options: Mapping[int, bytes]


class DhcpClient:
    """A network card with its firmware, as far as DHCP knows."""

    def __init__(self, lan: Lan, mac: str, options: Mapping[int, bytes] | None = None) -> None:
        self._mac = bytes.fromhex(mac.replace(":", ""))
        self._options = dict(options or {})
        self._transaction = int.from_bytes(os.urandom(4), "big")
        with inside(lan.client):
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for option in (socket.SO_BROADCAST, socket.SO_REUSEADDR):
            self._socket.setsockopt(socket.SOL_SOCKET, option, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"boot0")
        self._socket.bind(("", 68))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self, kind: int, options: Mapping[int, bytes] | None = None, patience: float = 5) -> Answer | None:
        """What the server answers; None if it does not."""
        asked = {53: bytes([kind]), 55: bytes([1, 3, 6, 12, 15, 60, 66, 67, 175]), **self._options, **(options or {})}
        fields = b"".join(bytes([code, len(value)]) + value for code, value in asked.items())
        header = struct.pack(">BBBBIHH", 1, 1, 6, 0, self._transaction, 0, 0x8000) + bytes(16)
        packet = header + self._mac.ljust(16, b"\0") + bytes(192) + _COOKIE + fields + b"\xff"
        self._socket.settimeout(patience)
        self._socket.sendto(packet, ("255.255.255.255", 67))
        try:
            while True:
                answer = self._socket.recv(4096)
                if answer[4:8] == struct.pack(">I", self._transaction):
                    return _parse(answer)
        except TimeoutError:
            return None

    def boot(self) -> Answer:
        """The whole exchange: discover, offer, request, acknowledgement."""
        offer = self.ask(DISCOVER)
        assert offer is not None and offer.kind == OFFER
        ack = self.ask(REQUEST, {50: socket.inet_aton(offer.address), 54: offer.options[54]})
        assert ack is not None and ack.kind == ACK and ack.address == offer.address
        return ack


def _parse(packet: bytes) -> Answer:
    options: dict[int, bytes] = {}
    rest = packet[240:]
    while rest and rest[0] != 255:
        if rest[0] == 0:
            rest = rest[1:]
            continue
        options[rest[0]] = rest[2 : 2 + rest[1]]
        rest = rest[2 + rest[1] :]
    file = options.get(67, packet[108:236]).split(b"\0")[0].decode()
    return Answer(options[53][0], socket.inet_ntoa(packet[16:20]), file, options)


def tftp(lan: Lan, server: str, file: str, address: str) -> bytes:
    """The file, fetched from the client's side, which is given the address."""
    subprocess.run(["ip", "-n", lan.client, "address", "replace", f"{address}/24", "dev", "boot0"], check=True)
    with inside(lan.client):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with made:
        made.settimeout(5)
        made.sendto(b"\0\1" + file.encode() + b"\0octet\0", (server, 69))
        content = b""
        while True:
            block, peer = made.recvfrom(2048)
            if block[:2] == b"\0\5":
                raise FileNotFoundError(block[4:].decode())
            content += block[4:]
            made.sendto(b"\0\4" + block[2:4], peer)
            if len(block) < 516:
                return content
