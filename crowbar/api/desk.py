"""What all calls share: the store, the matching rules, what is offered to boot, and the bell that ends a long poll."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from starlette.concurrency import run_in_threadpool
from structlog.typing import FilteringBoundLogger

from crowbar.errors import CrowbarError
from crowbar.services.discovery.booting import Offer
from crowbar.services.machines.traffic import Traffic
from crowbar.store.store import Store
from crowbar_inventory.rules import Rules

LONG_POLL = 20.0  # seconds that an agent's question for orders may stay open
_LOG = structlog.get_logger()
_LOOK_EVERY = 0.5  # seconds between looks for orders that other processes gave


class Bell:
    """Wakes the agents that wait for orders. One query for all of them, however many they are."""

    def __init__(self, waiting: Callable[[], Iterable[str]]) -> None:
        """``waiting`` gives the machines that have an order to be fetched."""
        self._waiting = waiting
        self._listeners: dict[str, set[asyncio.Event]] = {}
        self._over = False

    async def rung(self, machine: str, seconds: float) -> bool:
        """Wait until the machine may have an order; False if it has none after so long, or when all is over."""
        if self._over:
            return False
        event = asyncio.Event()
        self._listeners.setdefault(machine, set()).add(event)
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return False
        finally:
            self._listeners[machine].discard(event)
            if not self._listeners[machine]:
                del self._listeners[machine]
        return not self._over

    def silence(self) -> None:
        """Have nobody wait any more: the admin node is about to end, and its agents ask again."""
        self._over = True
        for events in self._listeners.values():
            for event in events:
                event.set()

    async def watch(self) -> None:
        """Look for orders until cancelled, also after a time in which the database was away."""
        while True:
            if self._listeners:
                try:
                    await self._look()
                except CrowbarError as error:
                    _LOG.error("orders cannot be looked for", error=str(error))
            await asyncio.sleep(_LOOK_EVERY)

    async def _look(self) -> None:
        for machine in await run_in_threadpool(self._waiting):
            for event in self._listeners.get(machine, ()):
                event.set()


@dataclass
class Desk:
    """One admin node's answers. ``discovery`` is the folder with the system, ``images`` the one with disk images.

    ``traffic`` is told of what is fetched of them.
    """

    store: Store
    offer: Offer
    rules: Rules
    discovery: Path
    images: Path
    patience: float = LONG_POLL
    log: FilteringBoundLogger = field(default_factory=structlog.get_logger)
    traffic: Traffic = field(default_factory=Traffic)
    bell: Bell = field(init=False)

    def __post_init__(self) -> None:
        self.bell = Bell(self.store.orders.waiting)
