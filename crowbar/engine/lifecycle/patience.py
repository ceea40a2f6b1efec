"""How long is waited before something is tried again: one place, so that tests and slow racks can say otherwise."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """All in seconds, but for the last one."""

    alive: float = 90  # an agent that was heard within this time is there, and takes orders
    busy: float = 300  # the same for one that carries out an order
    boot: float = 600  # after an order to boot; servers take minutes to test their memory
    retry: float = 60  # after an order failed
    inspect: float = 120  # for the inventory of an agent that is there, before it is asked for
    silence: float = 1  # times what the states' table says: after how much of it a health is another
