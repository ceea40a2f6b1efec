"""The driver of BMCs that speak IPMI 2.0. All its traffic goes over the process's one wire; it may wait, that not."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from crowbar_inventory.bmc.completion import completion_error
from crowbar_inventory.bmc.fru import parse_fru, read_fru
from crowbar_inventory.bmc.model import (
    BmcAddress,
    BmcError,
    BmcLanSettings,
    BmcRefusedError,
    BmcUnreachableError,
    BmcUnsupportedError,
    BootDevice,
    Console,
    Credential,
    Power,
    PowerAction,
    Sensor,
)
from crowbar_inventory.bmc.power import await_power, command_for
from crowbar_inventory.bmc.sensors import read_sensors
from crowbar_inventory.bmc.wire import Link, Reply, Request, wire

CHASSIS, APPLICATION, TRANSPORT = 0x00, 0x06, 0x0C
READ_POWER = Request(CHASSIS, 0x01)
_CONTROL = MappingProxyType(
    {PowerAction.OFF: 0, PowerAction.ON: 1, PowerAction.CYCLE: 2, PowerAction.RESET: 3, PowerAction.SOFT_OFF: 5}
)
_BOOT = MappingProxyType(
    {BootDevice.DEFAULT: 0x00, BootDevice.PXE: 0x04, BootDevice.DISK: 0x08, BootDevice.SETUP: 0x18}
)
_VALID, _UEFI = 0x80, 0x20
_KEEP_ON_EVERY_RESET = bytes([3, 0x08])  # else it is forgotten a minute after it was set
_LONGEST_IDENTIFY = 255
_IDLE = 25  # seconds; BMCs forget a session after about a minute
_LONGEST_NAME, _LONGEST_PASSWORD = 16, 20  # IPMI 2.0's


def power_of(reply: Reply) -> Power:
    """What the answer to READ_POWER says."""
    if reply.code:
        raise completion_error("read the power", reply.code)
    if not reply.data:
        return Power.UNKNOWN
    return Power.ON if reply.data[0] & 1 else Power.OFF


def check_credential(credential: Credential) -> None:
    """Raise BmcRefusedError for what IPMI cannot send."""
    for what, text, most in (
        ("user name", credential.username, _LONGEST_NAME),
        ("password", credential.password, _LONGEST_PASSWORD),
    ):
        if len(text.encode(errors="replace")) > most:
            raise BmcRefusedError(f"IPMI knows no {what} of more than {most} bytes")


def resolve(host: str, port: int) -> str:
    """The numeric address. May wait for a name server; raises BmcUnreachableError."""
    try:
        return str(socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0][4][0])
    except (OSError, UnicodeError) as error:
        raise BmcUnreachableError(f"the name {host} is not known: {error}") from error


class IpmiBmc:
    """One BMC, with one session that is made when needed, and anew when it was lost or has long been idle."""

    def __init__(self, address: BmcAddress, credential: Credential, *, limit: float = 15) -> None:
        check_credential(credential)
        self._address, self._credential, self._limit = address, credential, limit
        self._lock = threading.Lock()
        self._link: Link | None = None

    def login(self) -> Link:
        """The session, logged in."""
        with self._lock:
            link = self._link
            if link is not None and link.alive and time.monotonic() - link.used < _IDLE:
                return link
            if link is not None:
                link.close()
            self._link = None
            self._link = self._new_link()
            return self._link

    def power(self) -> Power:
        """The power now."""
        return power_of(self._reply(READ_POWER))

    def set_power(self, action: PowerAction, *, wait: float = 0) -> Power:
        """Order it; see the protocol. A server that is off is turned on by `cycle` and `reset`."""
        before = self.power()
        command, wanted = command_for(action, before)
        if command is not None:
            self._ask(f"power {action}", CHASSIS, 0x02, bytes([_CONTROL[command]]))
        return await_power(self.power, wanted, action, wait) if wait > 0 else self.power()

    def set_boot_device(self, device: BootDevice, *, uefi: bool = False) -> None:
        """For the next boot only."""
        what = f"set boot device {device}"
        with contextlib.suppress(BmcUnsupportedError):  # an optional parameter
            self._ask(what, CHASSIS, 0x08, _KEEP_ON_EVERY_RESET)
        valid = 0 if device is BootDevice.DEFAULT else _VALID | (_UEFI if uefi else 0)
        self._ask(what, CHASSIS, 0x08, bytes([5, valid, _BOOT[device], 0, 0, 0]))

    def identify(self, seconds: int) -> None:
        """Have the identify light on for so long, at most 255 seconds; 0 puts it out."""
        self._ask("identify", CHASSIS, 0x04, bytes([min(max(seconds, 0), _LONGEST_IDENTIFY)]))

    def sensors(self) -> Sequence[Sensor]:
        """All readings."""
        return read_sensors(self._reply)

    def fru(self) -> Mapping[str, str]:
        """What the board says of itself; ``manufacturer``, ``product``, ``serial``, ``part_number``, ``board_…``."""
        return parse_fru(read_fru(self._reply))

    def firmware(self) -> str:
        """The BMC's own version."""
        data = self._ask("read the firmware's version", APPLICATION, 0x01, least=4)
        return f"{data[2] & 0x7F}.{data[3]:02x}"

    def lan(self) -> BmcLanSettings:
        """The BMC's own network settings."""
        address, source, mac, gateway = (self._lan_parameter(number) for number in (3, 4, 5, 12))
        return BmcLanSettings(
            address=".".join(map(str, address[:4])),
            mac=":".join(f"{byte:02x}" for byte in mac[:6]),
            gateway=".".join(map(str, gateway[:4])) if any(gateway) else "",
            source={1: "static", 2: "dhcp"}.get(source[0] & 0x0F if source else 0, ""),
        )

    def users(self) -> Mapping[int, str]:
        """User names by number; those without one are left out."""
        access = self._ask("read the users", APPLICATION, 0x44, bytes([self._channel(), 1]), least=1)
        names = {}
        for number in range(1, (access[0] & 0x3F) + 1):
            reply = self._reply(Request(APPLICATION, 0x46, bytes([number])))
            name = "" if reply.code else reply.data.split(b"\0")[0].decode("utf-8", "replace")
            if name:
                names[number] = name
        return names

    def console(self) -> Console:
        """Open the serial console, in a session of its own."""
        from crowbar_inventory.bmc.console import open_console

        link = self._new_link()
        try:
            return open_console(link, self._limit)
        except BmcError:
            link.close()
            raise

    def close(self) -> None:
        """Log out."""
        with self._lock:
            if self._link is not None:
                self._link.close()
                self._link = None

    def _new_link(self) -> Link:
        host, port = self._address.host, self._address.port
        return wire().login(resolve(host, port), port, self._credential, limit=self._limit).result()

    def _channel(self) -> int:
        return self._ask("read the channel", APPLICATION, 0x42, bytes([0x0E]), least=1)[0] & 0x0F

    def _lan_parameter(self, number: int) -> bytes:
        reply = self._reply(Request(TRANSPORT, 0x02, bytes([self._channel(), number, 0, 0])))
        return b"" if reply.code else reply.data[1:]

    def _reply(self, request: Request) -> Reply:
        return self.login().request(request, limit=self._limit).result()

    def _ask(self, what: str, netfn: int, command: int, data: bytes = b"", *, least: int = 0) -> bytes:
        reply = self._reply(Request(netfn, command, data))
        if reply.code:
            raise completion_error(what, reply.code)
        if len(reply.data) < least:
            raise BmcError(f"{what}: the BMC's answer is too short")
        return reply.data
