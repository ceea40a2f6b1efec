"""Connections to nodes, kept for the next time: a handshake costs as much as a small step."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from crowbar.apply.transport import Transport
from crowbar.store.model import Node

_MOST_KEPT = 128  # each is a socket and a thread; of more nodes, those that were used last


class Connections:
    """One for each node and lane, made when it is first needed. Each is used by one thread at a time."""

    def __init__(self, make: Callable[[Node], Transport]) -> None:
        self._make = make
        self._idle: dict[tuple[str, int], Transport] = {}
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def to(self, node: Node, lane: int) -> Iterator[Transport]:
        """The connection; it is kept unless what is done with it raises."""
        with self._lock:
            transport = self._idle.pop((node.name, lane), None)
        transport = transport or self._make(node)
        try:
            yield transport
        except BaseException:
            transport.close()
            raise
        with self._lock:
            self._idle[node.name, lane] = transport
            oldest = next(iter(self._idle)) if len(self._idle) > _MOST_KEPT else None
            surplus = self._idle.pop(oldest) if oldest else None
        if surplus is not None:
            surplus.close()

    def close(self) -> None:
        """End those that are not in use."""
        with self._lock:
            idle, self._idle = list(self._idle.values()), {}
        for transport in idle:
            transport.close()
