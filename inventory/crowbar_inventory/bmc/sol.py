"""Serial over LAN, IPMI 2.0 chapter 15, as values: which packet to send, and what a received one means. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field

_RESEND = 1.0  # seconds
_HEAD = 4
_NACK, _UNAVAILABLE, _DEACTIVATED = 0x40, 0x20, 0x10  # status bits of a packet of the BMC's


class ConsoleOverError(Exception):
    """The BMC ended the console, or acknowledges nothing any more."""


@dataclass
class SerialLine:
    """The admin's end. Feed it packets (``heard``) and keystrokes (``typed``), send what ``due`` gives."""

    most: int  # bytes of keystrokes that the BMC takes in one packet
    limit: float = 8  # seconds that one may stay unacknowledged
    _typed: bytearray = field(default_factory=bytearray)
    _number: int = 0  # of our last packet with keystrokes
    _sent: bytes = b""  # its keystrokes; b"" once acknowledged
    _begun: float = 0  # when it was sent for the first time
    _next: float = 0
    _last: int = 0  # the number of the BMC's last packet with output
    _taken: int = 0  # bytes of it that were taken

    def typed(self, data: bytes) -> None:
        """Queue keystrokes."""
        self._typed += data

    @property
    def waiting(self) -> int:
        """Keystrokes that the BMC has not acknowledged yet."""
        return len(self._typed) + len(self._sent)

    def due(self, now: float) -> bytes | None:
        """The packet to send now, new or again; None if there is none. Raises ConsoleOverError after the limit."""
        if not self._sent:
            if not self._typed:
                return None
            self._sent = bytes(self._typed[: self.most])
            del self._typed[: self.most]
            self._number = self._number % 15 + 1
            self._begun = now
        elif now < self._next:
            return None
        if now - self._begun > self.limit:
            raise ConsoleOverError("the BMC does not answer any more")
        self._next = now + _RESEND
        return bytes([self._number, 0, 0, 0]) + self._sent

    def heard(self, packet: bytes) -> tuple[bytes, bytes | None]:
        """What the server wrote, and the acknowledgement to send, if any. Raises ConsoleOverError."""
        if len(packet) < _HEAD:
            return b"", None
        number, acknowledged, count, status = packet[0] & 0x0F, packet[1] & 0x0F, packet[2], packet[3]
        if status & _DEACTIVATED:
            raise ConsoleOverError("the BMC ended the console")
        if self._sent and acknowledged == self._number:
            self._acknowledged(count, nack=bool(status & _NACK))
        if not number:
            return b"", None
        output = packet[_HEAD:]
        # One that is sent again can have grown; what was taken of it is not taken twice.
        fresh = output[self._taken :] if number == self._last else output
        self._last, self._taken = number, len(output)
        return fresh, bytes([0, number, len(output) & 0xFF, 0])

    def _acknowledged(self, count: int, *, nack: bool) -> None:
        if nack:
            # It took `count` and wants the rest later, as a new packet.
            self._typed[:0] = self._sent[count:]
            self._next = 0
        self._sent = b""
