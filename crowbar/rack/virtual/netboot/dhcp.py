"""A DHCP client as network firmware has it (RFC 2131, 2132, 4578): it asks what to boot along with an address."""

from __future__ import annotations

import secrets
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import IPv4Address

from crowbar.rack.virtual.record import Firmware

_COOKIE = bytes.fromhex("63825363")
_HEAD = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s")
_BROADCAST = 0x8000
_REQUEST, _REPLY = 1, 2
_SERVER_PORT, _CLIENT_PORT = 67, 68
_TRIES = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds of patience, as iPXE has them
_ARCHITECTURES = {Firmware.BIOS: 0, Firmware.UEFI: 7}
_WANTED = bytes((1, 3, 6, 12, 15, 43, 60, 66, 67, 128, 175))


class Option(IntEnum):
    """Those that are used here."""

    PAD = 0
    NETMASK = 1
    ROUTER = 3
    ADDRESS = 50
    TYPE = 53
    SERVER = 54
    WANTED = 55
    VENDOR_CLASS = 60
    BOOT_FILE = 67
    USER_CLASS = 77
    ARCHITECTURE = 93
    INTERFACE = 94
    UUID = 97
    IPXE = 175
    END = 255


class Message(IntEnum):
    """The kinds of messages."""

    DISCOVER = 1
    OFFER = 2
    REQUEST = 3
    ACK = 5
    NAK = 6


@dataclass(frozen=True)
class Client:
    """Who asks. ``ipxe`` says that it is iPXE, which wants a script, and not the card's own firmware."""

    mac: bytes
    uuid: bytes  # 16 bytes, as SMBIOS has them
    firmware: Firmware
    ipxe: bool = False


@dataclass(frozen=True)
class Answer:
    """What a server said. Addresses are 0.0.0.0 where it said none."""

    kind: int
    address: IPv4Address
    next_server: IPv4Address
    boot_file: str
    options: Mapping[int, bytes] = field(default_factory=dict)

    def address_option(self, option: Option) -> IPv4Address:
        """The (first) address in that option."""
        return IPv4Address(self.options.get(option, b"")[:4].ljust(4, b"\0"))

    @property
    def prefix(self) -> int:
        """The length of the network's prefix."""
        return int(self.address_option(Option.NETMASK)).bit_count() or 24

    @property
    def server(self) -> IPv4Address:
        """Where the boot file is."""
        return self.next_server if int(self.next_server) else self.address_option(Option.SERVER)


def packet(kind: Message, client: Client, number: int, extra: Mapping[Option, bytes]) -> bytes:
    """A message to all servers. ``number`` is the conversation's."""
    name = f"PXEClient:Arch:{_ARCHITECTURES[client.firmware]:05}:UNDI:003016"
    options = {
        Option.TYPE: bytes([kind]),
        Option.WANTED: _WANTED,
        Option.VENDOR_CLASS: name.encode(),
        Option.ARCHITECTURE: struct.pack("!H", _ARCHITECTURES[client.firmware]),
        Option.INTERFACE: b"\x01\x03\x10",
        Option.UUID: b"\0" + client.uuid,
        **(
            {Option.USER_CLASS: b"iPXE", Option.IPXE: b"\xb1\x05\x01\x1a\xf4\x10\x00\x12\x01\x01"}
            if client.ipxe
            else {}
        ),
        **extra,
    }
    nowhere = bytes(4)
    head = _HEAD.pack(
        *(_REQUEST, 1, len(client.mac), 0, number, 0, _BROADCAST, nowhere, nowhere, nowhere, nowhere),
        *(client.mac, b"", b""),
    )
    coded = b"".join(bytes([option, len(value)]) + value for option, value in options.items())
    return (head + _COOKIE + coded + bytes([Option.END])).ljust(300, b"\0")


def parse(data: bytes, client: Client, number: int) -> Answer | None:
    """The answer to that conversation in a packet; None if it is none."""
    if len(data) < _HEAD.size + len(_COOKIE) or data[_HEAD.size : _HEAD.size + 4] != _COOKIE:
        return None
    fields = _HEAD.unpack_from(data)
    if fields[0] != _REPLY or fields[4] != number or fields[11][: len(client.mac)] != client.mac:
        return None
    options = _options(data[_HEAD.size + 4 :])
    kind = options.get(Option.TYPE, b"\0")[:1] or b"\0"
    named = options.get(Option.BOOT_FILE, b"") or fields[13]
    boot_file = named.rstrip(b"\0").decode("utf-8", "replace")
    return Answer(kind[0], IPv4Address(fields[8]), IPv4Address(fields[9]), boot_file, options)


def _options(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    place = 0
    while place < len(data) and data[place] != Option.END:
        if data[place] == Option.PAD:
            place += 1
            continue
        if place + 1 >= len(data):
            break
        length = data[place + 1]
        found[data[place]] = found.get(data[place], b"") + data[place + 2 : place + 2 + length]
        place += 2 + length
    return found


def ask(interface: str, client: Client) -> Answer | None:
    """An address and what to boot, from the first server that offers both; None when nobody does in half a minute."""
    number = secrets.randbits(32)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        asking.bind(("", _CLIENT_PORT))
        for patience in _TRIES:
            offer = _exchange(asking, patience, client, number, packet(Message.DISCOVER, client, number, {}))
            if offer is None or offer.kind != Message.OFFER:
                continue
            said = {
                Option.ADDRESS: offer.address.packed,
                Option.SERVER: offer.address_option(Option.SERVER).packed,
            }
            answer = _exchange(asking, patience, client, number, packet(Message.REQUEST, client, number, said))
            if answer is not None and answer.kind == Message.ACK:
                return answer
    return None


def _exchange(asking: socket.socket, patience: float, client: Client, number: int, data: bytes) -> Answer | None:
    """Send it, and wait for the first answer that is to us and names something to boot, or refuses."""
    until = time.monotonic() + patience
    try:
        asking.sendto(data, ("255.255.255.255", _SERVER_PORT))
    except OSError:  # the cable is out
        time.sleep(patience)
        return None
    while (left := until - time.monotonic()) > 0:
        asking.settimeout(left)
        try:
            answer = parse(asking.recv(4096), client, number)
        except TimeoutError:
            return None
        if answer is not None and (answer.boot_file or answer.kind == Message.NAK):
            return answer
    return None
