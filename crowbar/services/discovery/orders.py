"""The agent's side of orders: the next one, completed with what only the machine itself may know, and its report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crowbar.apply.keys import KeyPair
from crowbar.store.columns import now
from crowbar.store.machine_model import MachineEvent, Order, OrderKind, OrderStatus
from crowbar.store.store import Store

ACTOR = "agent"


@dataclass(frozen=True)
class Handed:
    """An order as the agent gets it; ``params`` may hold a private key, so it is never logged."""

    id: int
    kind: OrderKind
    params: Mapping[str, Any]


def next_order(store: Store, machine: str) -> Handed | None:
    """The machine's next order, if it has one. To ask is a sign of life."""
    order = store.orders.next(machine)
    if order is None:
        store.machines.seen(machine, "waits for orders")
        return None
    _event(store, machine, f"order.{order.kind}", f"order {order.id} handed over")
    return Handed(order.id, order.kind, _complete(store, order))


def report(store: Store, machine: str, number: int, status: OrderStatus, progress: int, message: str) -> bool:
    """What the agent says of an order. Whether the order is (still) one of this machine's."""
    order = store.orders.current(machine)
    if not store.orders.report(number, machine, status, progress, message):
        return False
    kind = order.kind.value if order is not None and order.id == number else f"order {number}"
    store.machines.seen(machine, f"{kind}: {message}" if message else kind)
    if status is not OrderStatus.RUNNING:
        _event(store, machine, f"order.{status}", f"{kind}: {message}")
    return True


def _complete(store: Store, order: Order) -> Mapping[str, Any]:
    """An installed system gets its SSH host key from us, and so it is pinned before it is first met."""
    if order.kind is not OrderKind.INSTALL:
        return order.params
    pair = KeyPair.make()
    store.machines.pin(order.machine, pair.public)
    return {**order.params, "host_key": {"private": pair.private.decode(), "public": pair.public}}


def _event(store: Store, machine: str, kind: str, message: str) -> None:
    store.machine_events.append([MachineEvent(machine, now(), kind, ACTOR, message)])
