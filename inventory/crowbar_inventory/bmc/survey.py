"""The power of many BMCs, read at once, each answer given as it comes.

BMCs that speak IPMI cost no thread: their logins and questions are chained futures on the one wire, ``at_once`` of
them under way at a time. The others, and names that a name server must be asked for, are shared by a few threads.
"""

from __future__ import annotations

import ipaddress
import queue
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from crowbar_inventory.bmc.connect import connect
from crowbar_inventory.bmc.model import BmcAddress, BmcError, Credential, Power

_THREADS = 64


@dataclass(frozen=True)
class Reading:
    """What one BMC answered, after how many seconds: its power, or the error that came instead of it."""

    address: BmcAddress
    power: Power
    error: BmcError | None
    seconds: float


@dataclass(frozen=True)
class _Call:
    address: BmcAddress
    credential: Credential
    limit: float
    trust: Path | None
    tell: Callable[[_Call, Power, BmcError | None], None]
    begun: float


def survey(
    targets: Iterable[tuple[BmcAddress, Credential]],
    *,
    limit: float = 10,
    at_once: int = 256,
    trust: Path | None = None,
) -> Iterator[Reading]:
    """Log in to each and read its power; readings come in the order of the answers, each BMC's exactly once.

    ``limit`` is for one BMC, in seconds from when its turn comes. Nothing is retried. Who stops iterating stops new
    logins, and lets those under way end by themselves. ``trust`` is as in ``connect``.
    """
    ended: queue.SimpleQueue[Reading] = queue.SimpleQueue()

    def tell(call: _Call, power: Power, error: BmcError | None) -> None:
        ended.put(Reading(call.address, power, error, time.monotonic() - call.begun))

    waiting, under_way = iter(targets), 0
    pool = ThreadPoolExecutor(max_workers=min(_THREADS, at_once), thread_name_prefix="survey")
    try:
        while True:
            while under_way < at_once and (target := next(waiting, None)) is not None:
                _ask(_Call(*target, limit, trust, tell, time.monotonic()), pool)
                under_way += 1
            if not under_way:
                return
            yield ended.get()
            under_way -= 1
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _ask(call: _Call, pool: ThreadPoolExecutor) -> None:
    if call.address.scheme == "ipmi" and _is_numeric(call.address.host):
        _ask_ipmi(call, call.address.host)
    elif call.address.scheme == "ipmi":
        pool.submit(_guarded, call, lambda: _ask_by_name(call))
    else:
        pool.submit(_guarded, call, lambda: _ask_in_thread(call))


def _guarded(call: _Call, ask: Callable[[], None]) -> None:
    try:
        ask()
    except BmcError as error:
        call.tell(call, Power.UNKNOWN, error)
    except Exception as error:  # noqa: BLE001 # else one driver's fault would have the survey wait for ever
        call.tell(call, Power.UNKNOWN, BmcError(f"{type(error).__name__}: {error}"))


def _ask_in_thread(call: _Call) -> None:
    bmc = connect(call.address, call.credential, limit=call.limit, trust=call.trust)
    try:
        power = bmc.power()
    finally:
        bmc.close()
    call.tell(call, power, None)


def _ask_by_name(call: _Call) -> None:
    from crowbar_inventory.bmc.ipmi import resolve

    _ask_ipmi(call, resolve(call.address.host, call.address.port))


def _ask_ipmi(call: _Call, host: str) -> None:
    """Begin; the rest happens in the wire's thread, and ends in ``call.tell``."""
    from crowbar_inventory.bmc.ipmi import READ_POWER, check_credential, power_of
    from crowbar_inventory.bmc.wire import Link, Reply, wire

    def logged_in(login: Future[Link]) -> None:
        def answered(reply: Future[Reply]) -> None:
            link.close()
            try:
                call.tell(call, power_of(reply.result()), None)
            except BmcError as error:
                call.tell(call, Power.UNKNOWN, error)

        try:
            link = login.result()
        except BmcError as error:
            call.tell(call, Power.UNKNOWN, error)
            return
        left = call.limit - (time.monotonic() - call.begun)
        link.request(READ_POWER, limit=max(left, 0)).add_done_callback(answered)

    try:
        check_credential(call.credential)
    except BmcError as error:
        call.tell(call, Power.UNKNOWN, error)
        return
    wire().login(host, call.address.port, call.credential, limit=call.limit).add_done_callback(logged_in)


def _is_numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
