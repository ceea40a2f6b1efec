"""All IPMI traffic of this process: one thread owns pyghmi, all others hand it their requests and get futures.

A BMC costs a session's memory and no thread, so hundreds are asked at once (see ``survey``). The driver in ``ipmi``
waits for its future; anything may instead be chained to it by ``add_done_callback``, which runs in the wire's thread
and must not wait for anything.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from pyghmi.exceptions import PyghmiException

from crowbar_inventory.bmc.completion import NO_ANSWER, login_error
from crowbar_inventory.bmc.model import BmcError, BmcUnreachableError, Credential
from crowbar_inventory.bmc.session import Doorbell, Session, serve, take_over

_log = logging.getLogger(__name__)
_LONGEST_ROUND = 1.0
T = TypeVar("T")


@dataclass(frozen=True)
class Request:
    """One IPMI request; ``data`` is what follows the command byte."""

    netfn: int
    command: int
    data: bytes = b""
    lun: int = 0


@dataclass(frozen=True)
class Reply:
    """The answer to one: ``code`` 0 is success."""

    code: int
    data: bytes


class Link:
    """One logged-in session. Requests are sent one after the other, as simple BMCs want it. Safe in any thread."""

    def __init__(self, wire: Wire, session: Session) -> None:
        self._wire = wire
        self._session = session
        self._waiting: deque[tuple[Request, Future[Reply]]] = deque()
        self._asked: Future[Reply] | None = None
        self.alive = True
        self.used = time.monotonic()

    def request(self, request: Request, *, limit: float = 15) -> Future[Reply]:
        """Ask. The future has the reply, or BmcUnreachableError when none came in ``limit`` seconds."""
        future: Future[Reply] = Future()
        self.used = time.monotonic()
        self._wire.post(lambda: self._enqueue(request, future, limit))
        return future

    def close(self) -> None:
        """Log out. What is still asked for fails."""
        self._wire.post(lambda: self._end(BmcUnreachableError("the session was closed")))

    def on_console(self, heard: Callable[[bytes | None], None]) -> None:
        """Have serial-over-LAN packets given to ``heard``, in the wire's thread; None when the session is over."""

        def packet(payload: Any) -> None:
            heard(None if isinstance(payload, dict) else bytes(payload))

        self._wire.post(lambda: setattr(self._session, "sol_handler", packet))

    def send_console(self, packet: bytes) -> None:
        """Send one serial-over-LAN packet, once."""

        def send() -> None:
            if self.alive:
                self._session.send_payload(bytearray(packet), payload_type=1, retry=False)

        self._wire.post(send)

    def _enqueue(self, request: Request, future: Future[Reply], limit: float) -> None:
        if not self.alive:
            future.set_exception(BmcUnreachableError("the session is over"))
            return
        self._waiting.append((request, future))
        self._wire.after(limit, lambda: self._late(future))
        self._next()

    def _next(self) -> None:
        if self._asked is not None or not self._waiting:
            return
        request, self._asked = self._waiting.popleft()
        try:
            self._session.raw_command(
                netfn=request.netfn,
                command=request.command,
                data=request.data,
                rslun=request.lun,
                callback=self._answered,
            )
        except PyghmiException as error:
            self._end(BmcUnreachableError(f"the session is over: {error}"))

    def _answered(self, response: dict[str, Any]) -> None:
        self._session.incommand = False
        future, self._asked = self._asked, None
        if response.get("code") == NO_ANSWER or "code" not in response:
            self._asked = future
            self._end(BmcUnreachableError("the BMC does not answer any more"))
            return
        if future is not None and not future.done():
            future.set_result(Reply(response["code"], bytes(response["data"])))
        self._next()

    def _late(self, future: Future[Reply]) -> None:
        if not future.done():
            self._end(BmcUnreachableError("the BMC does not answer any more"))

    def _end(self, error: BmcError) -> None:
        if not self.alive:
            return
        self.alive = False
        asked = [self._asked] if self._asked else []
        handler, self._session.sol_handler = self._session.sol_handler, None
        self._session.end()
        for future in (*asked, *(future for _, future in self._waiting)):
            if not future.done():
                future.set_exception(error)
        self._waiting.clear()
        if handler:
            handler({})


class Wire:
    """The thread that owns pyghmi. There is one: ``wire()``."""

    def __init__(self) -> None:
        self._jobs: deque[Callable[[], None]] = deque()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._bell = Doorbell()
        self._thread = threading.Thread(target=self._run, name="ipmi", daemon=True)
        self._thread.start()

    def post(self, job: Callable[[], None]) -> None:
        """Have it run in the wire's thread, soon."""
        self._jobs.append(job)
        if threading.current_thread() is not self._thread:
            self._bell.ring()

    def after(self, seconds: float, job: Callable[[], None]) -> None:
        """Have it run in the wire's thread, then. To be called in that thread."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._numbers), job))

    def login(self, host: str, port: int, credential: Credential, *, limit: float) -> Future[Link]:
        """Log in to the BMC at this numeric address. The future has the link, or a BmcError."""
        future: Future[Link] = Future()
        self.post(lambda: self._login(host, port, credential, limit, future))
        return future

    def _login(self, host: str, port: int, credential: Credential, limit: float, future: Future[Link]) -> None:
        sessions: list[Session] = []

        def told(response: dict[str, Any]) -> None:
            if future.done():
                return
            if "error" in response or not sessions:
                future.set_exception(login_error(str(response.get("error", "timeout"))))
            else:
                future.set_result(Link(self, sessions[0]))

        def late() -> None:
            if not future.done():
                future.set_exception(BmcUnreachableError("the BMC does not answer"))
                sessions[0].end()

        try:
            sessions.append(Session(host, credential.username, credential.password, port, onlogon=told))
        except OSError as error:
            future.set_exception(BmcUnreachableError(f"cannot send to the BMC: {error}"))
            return
        except Exception as error:  # noqa: BLE001 # any, or who waits for it would wait for ever
            future.set_exception(BmcError(f"cannot log in: {type(error).__name__}"))
            return
        self.after(limit, late)

    def _run(self) -> None:
        take_over(self._bell.wait)
        while True:
            self._attempt(lambda: serve(self._patience()))
            now = time.monotonic()
            while self._timers and self._timers[0][0] <= now:
                self._attempt(heapq.heappop(self._timers)[2])
            for _ in range(len(self._jobs)):
                self._attempt(self._jobs.popleft())

    def _patience(self) -> float:
        if self._jobs:
            return 0
        if self._timers:
            return min(max(self._timers[0][0] - time.monotonic(), 0), _LONGEST_ROUND)
        return _LONGEST_ROUND

    def _attempt(self, job: Callable[[], None]) -> None:
        """One job's fault is not the others'."""
        try:
            job()
        except Exception:  # noqa: BLE001 # its own doing is logged, and the thread goes on
            _log.exception("a job of the IPMI thread failed")


_lock = threading.Lock()
_wires: list[Wire] = []


def wire() -> Wire:
    """The one wire of this process, started when first asked for."""
    with _lock:
        if not _wires:
            _wires.append(Wire())
        return _wires[0]


def results(futures: Iterable[Future[T]]) -> list[T]:
    """All of them, in order; the first error is raised."""
    return [future.result() for future in futures]
