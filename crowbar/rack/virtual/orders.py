"""The lines by which a rack's supervisor is told things: `MACHINE WORD [VALUE...]`."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from crowbar.rack.virtual.faults import Fault
from crowbar.rack.virtual.power import Event

_LONGEST = 1024
_RACK = "-"


@dataclass(frozen=True)
class Order:
    """An order to a machine: to its power, to have a fault, to light up for seconds; or, to the rack, to look again."""

    machine: str
    what: Event | Fault | int | Literal["reload"]

    def line(self) -> str:
        """As it is sent."""
        match self.what:
            case Event():
                words = str(self.what)
            case Fault():
                words = f"fault {self.what.text()}"
            case int():
                words = f"identify {self.what}"
            case _:
                words = self.what
        return f"{self.machine} {words}\n"


RELOAD = Order(_RACK, "reload")


def parse_orders(data: bytes) -> tuple[list[Order], bytes]:
    """The orders in what was read, and the begun line at its end. What is no order is dropped."""
    *lines, rest = data.split(b"\n")
    found = [_order(line.decode("utf-8", "replace").split()) for line in lines]
    return [order for order in found if order is not None], rest[:_LONGEST]


def _order(words: list[str]) -> Order | None:
    match words:
        case [_, "reload"]:
            return RELOAD
        case [machine, "fault", *rest]:
            return Order(machine, Fault.parse(" ".join(rest)))
        case [machine, "identify", seconds, *_] if seconds.isdecimal():
            return Order(machine, int(seconds))
        case [machine, word] if word in list(Event):
            return Order(machine, Event(word))
    return None


def send(fifo: Path, order: Order) -> None:
    """Send it. Opened both ways, the FIFO makes nobody wait; that somebody listens is seen elsewhere."""
    handle = os.open(fifo, os.O_RDWR | os.O_CLOEXEC)
    try:
        os.write(handle, order.line().encode())
    finally:
        os.close(handle)
