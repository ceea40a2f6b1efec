"""A server's serial console by IPMI: a link, and the serial line's rules between it and who reads."""

from __future__ import annotations

import threading
import time

from crowbar_inventory.bmc.completion import completion_error
from crowbar_inventory.bmc.model import BmcBusyError, BmcError, BmcUnreachableError, BmcUnsupportedError
from crowbar_inventory.bmc.sol import ConsoleOverError, SerialLine
from crowbar_inventory.bmc.wire import Link, Reply, Request

_APPLICATION, _ACTIVATE, _DEACTIVATE, _INSTANCE = 0x06, 0x48, 0x49, 0x4B
_SOL = bytes([1, 1])  # payload type, instance
_ENCRYPTED_AUTHENTICATED = bytes([0xC0, 0, 0, 0])
_IN_USE, _DISABLED, _TOO_MANY = 0x80, 0x81, 0x82
_TICK = 0.2
_ALIVE = 20.0  # seconds between questions whether the console is still ours
_MOST_UNREAD = 2**20  # bytes; beyond, the BMC is left to keep its output


class IpmiConsole:
    """An open console. ``read`` and ``write`` may be called from two threads."""

    def __init__(self, link: Link, most: int, limit: float) -> None:
        self._link, self._limit = link, limit
        self._line = SerialLine(most, limit)
        self._changed = threading.Condition()
        self._unread = bytearray()
        self._over: BmcError | None = None
        self._checked = time.monotonic()
        link.on_console(self._heard)

    def read(self, timeout: float) -> bytes:
        """What came since the last call; b"" if nothing did in ``timeout`` seconds. Raises BmcError when it is over."""
        until = time.monotonic() + timeout
        while True:
            self._tend()
            with self._changed:
                if self._unread:
                    data = bytes(self._unread)
                    self._unread.clear()
                    return data
                if self._over is not None:
                    raise self._over
                left = until - time.monotonic()
                if left <= 0:
                    return b""
                self._changed.wait(min(left, _TICK))

    def write(self, data: bytes) -> None:
        """Send keystrokes. Comes back when the BMC has them. Raises BmcError when the console is over."""
        with self._changed:
            self._line.typed(data)
        while True:
            self._tend()
            with self._changed:
                if self._over is not None:
                    raise self._over
                if not self._line.waiting:
                    return
                self._changed.wait(_TICK)

    def close(self) -> None:
        """Leave; the server's console goes on."""
        if self._link.alive:
            leaving = self._link.request(Request(_APPLICATION, _DEACTIVATE, _SOL + bytes(4)), limit=min(self._limit, 3))
            leaving.add_done_callback(lambda _: self._link.close())
        self._end(BmcUnreachableError("the console was closed"))

    def _tend(self) -> None:
        """Send what is due, and ask now and then whether the console is still there."""
        now = time.monotonic()
        with self._changed:
            try:
                packet = self._line.due(now)
            except ConsoleOverError as error:
                self._over = self._over or BmcUnreachableError(f"console: {error}")
                return
            ask = now - self._checked > _ALIVE and self._over is None
            self._checked = now if ask else self._checked
        if packet:
            self._link.send_console(packet)
        if ask:
            asked = self._link.request(Request(_APPLICATION, _INSTANCE, _SOL), limit=self._limit)
            asked.add_done_callback(lambda done: self._end(done.exception()) if done.exception() else None)

    def _heard(self, packet: bytes | None) -> None:
        """In the wire's thread."""
        if packet is None:
            self._end(BmcUnreachableError("console: the session is over"))
            return
        with self._changed:
            if len(self._unread) > _MOST_UNREAD:
                return
            try:
                data, acknowledgement = self._line.heard(packet)
            except ConsoleOverError as error:
                self._over = self._over or BmcUnreachableError(f"console: {error}")
                data, acknowledgement = b"", None
            self._unread += data
            self._changed.notify_all()
        if acknowledgement:
            self._link.send_console(acknowledgement)

    def _end(self, error: BaseException | None) -> None:
        with self._changed:
            if self._over is None:
                self._over = error if isinstance(error, BmcError) else BmcUnreachableError(f"console: {error}")
            self._changed.notify_all()


def open_console(link: Link, limit: float) -> IpmiConsole:
    """Activate serial over LAN on a link that is used for nothing else. Raises BmcError."""
    request = Request(_APPLICATION, _ACTIVATE, _SOL + _ENCRYPTED_AUTHENTICATED)
    reply = link.request(request, limit=limit).result()
    if reply.code:
        raise _activation_error(reply)
    if len(reply.data) < 12:  # noqa: PLR2004 # the answer's fixed length
        raise BmcError("open the console: the BMC's answer is too short")
    most = int.from_bytes(reply.data[4:6], "little") - 4
    return IpmiConsole(link, min(max(most, 1), 200), limit)


def _activation_error(reply: Reply) -> BmcError:
    match reply.code:
        case 0x80:
            return BmcBusyError("open the console: somebody else has it open")
        case 0x81:
            return BmcUnsupportedError("open the console: serial over LAN is switched off in the BMC")
        case 0x82:
            return BmcBusyError("open the console: the BMC has no room for one more")
        case code:
            return completion_error("open the console", code)
