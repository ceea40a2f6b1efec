"""Servers behind real IPMI: what OpenIPMI's simulators were ordered, from the files that they write."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from tests.inventory.bmc.simulator import Simulator

_EVERY = 0.05  # seconds


@contextmanager
def followed(simulators: Mapping[str, Simulator], obeyed: Callable[[str, bool, str], None]) -> Iterator[None]:
    """While inside, ``obeyed`` is called with each server's name, whether it has power now, and what it boots."""
    over = threading.Event()

    def follow() -> None:
        seen = dict.fromkeys(simulators, 0)
        while not over.wait(_EVERY):
            for name, one in simulators.items():
                orders = one.get("orders").splitlines()
                for order in orders[seen[name] :]:
                    what, value = order.split()
                    if what == "power":
                        obeyed(name, value == "1", one.get("boot"))
                seen[name] = len(orders)

    thread = threading.Thread(target=follow)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
