"""The loop that brings machines on: every second it is decided what is next for each, and done.

It keeps nothing between two rounds but which machines are being worked on, so it can be killed at any moment.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import structlog

from crowbar.engine.lifecycle import SETTLED, Action, ActionKind, Patience, decide
from crowbar.errors import CrowbarError
from crowbar.services.machines.acting import Actor
from crowbar.store.columns import now
from crowbar.store.machine_model import MachineView, Order

_ROUND = 1.0  # seconds
_ORDINARY = Patience()
_AT_ONCE = 64  # machines that are waited for: BMCs answer slowly, and hold up nobody else
_MOST_ACTIONS = 8  # of one machine in one round
_LOG = structlog.get_logger()


class Loop:
    """Rounds over all machines. The machines that a thread is busy with are left out of the next ones."""

    def __init__(self, actor: Actor, *, every: float = _ROUND, patience: Patience = _ORDINARY) -> None:
        self._actor = actor
        self._every = every
        self._patience = patience
        self._busy: set[str] = set()
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._up_since = now()

    def run(self) -> None:
        """Go round until `stop`. A database that is away, or a defect with one machine, ends no other's way."""
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="machines") as pool:
            while not self._over.is_set():
                try:
                    self.round(pool)
                except CrowbarError as error:
                    _LOG.error("a round failed", error=str(error))
                except Exception:  # noqa: BLE001 - a defect of ours: without this loop the service would only seem to serve
                    _LOG.exception("a round failed")
                self._over.wait(self._every)

    def stop(self) -> None:
        """End after the actions that are under way."""
        self._over.set()

    def round(self, pool: ThreadPoolExecutor) -> None:
        """Look at every machine once, and have done what is due."""
        store = self._actor.store
        orders = store.orders.all_current()
        for view in store.machines.list(hardware=False):
            name = view.machine.name
            if not self._due(view, orders.get(name)):
                continue
            with self._lock:
                if name in self._busy:
                    continue
                self._busy.add(name)
            pool.submit(self._bring_on, name)

    def _due(self, view: MachineView, order: Order | None) -> bool:
        try:
            return self._decide(view, order).kind is not ActionKind.NOTHING
        except Exception:  # noqa: BLE001 - a defect of ours with one machine; the others go on
            _LOG.exception("machine", machine=view.machine.name)
            return False

    def _bring_on(self, name: str) -> None:
        """Do what is due for one machine, until there is nothing more to do at once."""
        store = self._actor.store
        try:
            for _ in range(_MOST_ACTIONS):
                # Looked at anew: what the round saw may be long ago, as others had their turn first.
                view = store.machines.view(name, hardware=False)
                if view is None or self._over.is_set():
                    return
                action = self._decide(view, store.orders.current(name))
                if action.kind is not ActionKind.NOTHING:
                    _LOG.info("machine", machine=name, action=action.kind.value, reason=action.reason)
                    if not self._actor.do(view, action):
                        return
                if action.kind in SETTLED:
                    return
        except LookupError:
            _LOG.info("machine was deleted meanwhile", machine=name)
        except CrowbarError as error:
            _LOG.error("machine", machine=name, error=str(error))
        except Exception:  # noqa: BLE001 - a defect of ours with one machine; the others go on
            _LOG.exception("machine", machine=name)
        finally:
            with self._lock:
                self._busy.discard(name)

    def _decide(self, view: MachineView, order: Order | None) -> Action:
        return decide(view, order, now(), self._patience, up_since=self._up_since)


@contextmanager
def running(actor: Actor, *, every: float = _ROUND, patience: Patience = _ORDINARY) -> Iterator[Loop]:
    """The loop in a thread of its own."""
    loop = Loop(actor, every=every, patience=patience)
    thread = threading.Thread(target=loop.run, name="machines", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.stop()
        thread.join()
