"""pyghmi's IPMI session, made fit to be one of hundreds that a single thread serves.

pyghmi is written to be used from one thread in a blocking way. Its wire format, cryptography and timers are used as
they are; replaced is only what would let one silent BMC stop all others, or lose an answer:

- the last step of its login waits for the answer; here it is told of it;
- it finds a session of the same user again, also one that is over; here each login is a session of its own;
- it waits for packets in a thread of its own, by select() (which cannot take descriptors above 1023) and hands each
  over; here the one thread polls the sockets itself;
- it logs in anew by itself in the middle of a request, and then forgets whom to tell the answer; here a session that
  lost its BMC is over, and the driver makes the next one;
- after telling an answer it strikes the newest request from its list, which is another one if the told asked again;
- it keeps idle sessions alive by requests that collide with those of the driver's;
- anybody's packet that looks old-fashioned makes it deaf for all later ones;
- a malformed packet ends its loop; here it is dropped.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import threading
from collections.abc import Callable
from typing import Any, Self

from pyghmi.ipmi.private import session as pyghmi
from pyghmi.ipmi.private.util import get_ipmi_error

_log = logging.getLogger(__name__)
_SET_PRIVILEGE = 0x3B
_NOT_SO_HIGH = (0x80, 0x81)
_AUTH_TYPE = 4  # its place in a packet
_ADMINISTRATOR, _OPERATOR = 4, 3


class Session(pyghmi.Session):  # type: ignore[misc] # it ships no types
    """One login to one BMC. Made, used and ended in the wire's thread only."""

    ended = False
    privlevel: int
    ipmicallback: Callable[[dict[str, Any]], None]

    def __new__(cls, bmc: str, _userid: str, _password: str, port: int, **_: Any) -> Self:
        """A new one, not to share a socket with another of the same BMC: packets are told apart by address."""
        self: Self = object.__new__(cls)
        self.forbidsock = []
        for *_rest, address in socket.getaddrinfo(bmc, port, 0, socket.SOCK_DGRAM):
            mapped = (f"::ffff:{address[0]}", address[1], 0, 0)
            for known in (address, mapped):
                self.forbidsock += [session.socket for session in cls.bmc_handlers.get(known, {}).values()]
        return self

    def _req_priv_level(self) -> None:
        self.logged = 1
        self.logoutexpiry = None
        self.maxtimeout = 4
        self.logontries = 0  # no login anew by itself
        self._ask_privilege()

    def _ask_privilege(self) -> None:
        self.raw_command(netfn=6, command=_SET_PRIVILEGE, data=[self.privlevel], callback=self._got_privilege)

    def _got_privilege(self, response: dict[str, Any]) -> None:
        self.incommand = False
        if response.get("code") in _NOT_SO_HIGH and self.privlevel == _ADMINISTRATOR:
            self.privlevel = _OPERATOR
            self._ask_privilege()
            return
        self.logging = False
        if error := get_ipmi_error(response):
            self.logged = 0
            self.onlogon({"error": error})
        else:
            self.onlogon({"success": True})

    def _parse_ipmi_payload(self, payload: bytearray) -> None:
        answers: list[dict[str, Any]] = []
        told, self.ipmicallback = self.ipmicallback, answers.append
        try:
            super()._parse_ipmi_payload(payload)
        finally:
            self.ipmicallback = told
        for answer in answers:
            told(answer)

    def _handle_ipmi_packet(self, data: bytearray, **others: Any) -> None:
        if self.logged and len(data) > _AUTH_TYPE and data[_AUTH_TYPE] != self.authtype:
            return  # of no session; pyghmi would still take its sequence number over, and then nothing else
        super()._handle_ipmi_packet(data, **others)

    def _keepalive(self) -> None:
        """Not by itself."""

    def process_pktqueue(self) -> None:
        """Take what came; a packet that cannot be understood is as if it had been lost."""
        while self.pktqueue:
            try:
                super().process_pktqueue()
            except Exception:  # noqa: BLE001 # any: these bytes come from the network
                _log.debug("dropped a malformed packet of %s", self.bmc, exc_info=True)

    def logout(self, sessionok: bool = True) -> dict[str, bool]:
        """Leave, once; nothing is waited for."""
        if not self.ended:
            self.ended = True
            self.lastpayload = None
            self.pendingpayloads.clear()
            super().logout(sessionok)
            self.socketpool[self.socket] += 1  # pyghmi gives the one socket back twice
        return {"success": True}

    def end(self) -> None:
        """Leave whatever state it is in, also in the middle of the login; nobody is told."""
        self.logonwaiters.clear()
        self.incommand = False
        self._mark_broken("ended")


class Doorbell:
    """Waits for packets of all sessions, and can be rung from any thread to stop waiting."""

    def __init__(self) -> None:
        self._poll = select.poll()
        self._known = 0
        self._bell, self._ring = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._rung = threading.Event()
        self._poll.register(self._bell, select.POLLIN)

    def ring(self) -> None:
        """Have ``wait`` come back, now or at once when it begins."""
        if not self._rung.is_set():
            self._rung.set()
            os.write(self._ring, b"\0")

    def wait(self, timeout: float, _address: object = None, _events: object = None) -> None:
        """Until a packet or the bell, at most so many seconds. Packets are with their sessions afterwards."""
        for opened in pyghmi.iosockets[self._known :]:
            self._poll.register(opened, select.POLLIN)
        self._known = len(pyghmi.iosockets)
        ready = self._poll.poll(max(timeout, 0) * 1000)
        if any(descriptor == self._bell for descriptor, _ in ready):
            os.read(self._bell, 64)
            self._rung.clear()
        pyghmi._io_graball(pyghmi.iosockets, {})  # noqa: SLF001 # where it reads its sockets


def take_over(wait: Callable[..., None]) -> None:
    """Have pyghmi wait by ``wait`` in the calling thread, and start no thread of its own."""
    pyghmi._io_wait = wait  # noqa: SLF001 # no public way, see this module's head
    pyghmi.iothread = threading.current_thread()
    pyghmi.iothreadready = True


def serve(seconds: float) -> None:
    """One round of pyghmi's loop: wait at most so long for packets, tell whom they concern, send again what is due."""
    Session.wait_for_rsp(timeout=seconds)
