"""Orders: one waits, one runs, each is handed out until its end was reported."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from crowbar.store.machine_model import Machine, Order, OrderKind, OrderStatus
from crowbar.store.orders import KEPT
from crowbar.store.store import Store


@pytest.fixture(autouse=True)
def _machines(store: Store) -> None:
    for name in ("m1", "m2"):
        store.machines.save(Machine(name))


def current(store: Store) -> Order:
    order = store.orders.current("m1")
    assert order is not None
    return order


def test_an_order_from_its_beginning_to_its_end(store: Store) -> None:
    assert store.orders.current("m1") is store.orders.next("m1") is store.orders.next("none") is None
    given = store.orders.give("m1", OrderKind.INSTALL, {"disk": {"serial": "S1"}, "files": []})
    assert (given.status, given.params) == (OrderStatus.WAITING, {"disk": {"serial": "S1"}, "files": []})
    assert store.orders.waiting() == ["m1"] and store.orders.next("m2") is None
    taken = store.orders.next("m1")
    assert taken and taken.id == given.id and taken.status is OrderStatus.RUNNING
    assert store.orders.waiting() == []
    assert store.orders.next("m1") == taken  # the answer was lost, or the agent was started anew
    assert store.orders.report(given.id, "m1", OrderStatus.RUNNING, 40, "writing\0")
    order = current(store)
    assert (order.progress, order.message) == (40, "writing\N{REPLACEMENT CHARACTER}")
    assert order.updated and order.created and order.updated > order.created
    for _ in range(2):  # the answer to a report may be lost, too
        assert store.orders.report(given.id, "m1", OrderStatus.SUCCEEDED, 41, "done")
    order = current(store)
    assert (order.status, order.progress, order.message) == (OrderStatus.SUCCEEDED, 100, "done")
    assert store.orders.next("m1") is None


def test_reports_that_count_for_nothing(store: Store) -> None:
    order = store.orders.give("m1", OrderKind.WIPE, {})
    report = store.orders.report
    assert not report(order.id, "m2", OrderStatus.FAILED, 0, "of another's")
    assert not report(order.id + 1, "m1", OrderStatus.FAILED, 0, "of none")
    assert report(order.id, "m1", OrderStatus.RUNNING, -5)
    assert report(order.id, "m1", OrderStatus.FAILED, 10**9, "disk is gone")
    assert not report(order.id, "m1", OrderStatus.SUCCEEDED, 100, "after all")
    assert not report(order.id, "m1", OrderStatus.RUNNING)
    last = current(store)
    assert (last.status, last.progress, last.message) == (OrderStatus.FAILED, 100, "disk is gone")
    for status in (OrderStatus.WAITING, OrderStatus.CANCELLED):
        with pytest.raises(ValueError, match="an agent cannot report"):
            report(order.id, "m1", status)


def test_a_new_order_takes_the_place_of_one_that_waits(store: Store) -> None:
    first = store.orders.give("m1", OrderKind.INSPECT, {})
    second = store.orders.give("m1", OrderKind.WIPE, {})
    assert [(order.id, order.status) for order in store.orders.history("m1")] == [
        (first.id, OrderStatus.CANCELLED),
        (second.id, OrderStatus.WAITING),
    ]
    running = store.orders.next("m1")
    store.orders.give("m1", OrderKind.REBOOT, {})
    assert store.orders.next("m1") == current(store) == running  # what runs is finished first
    assert store.orders.all_current() == {"m1": running}
    assert store.orders.report(second.id, "m1", OrderStatus.SUCCEEDED)
    assert current(store).kind is OrderKind.REBOOT


def test_what_is_cancelled_is_neither_handed_out_nor_reported(store: Store) -> None:
    order = store.orders.give("m1", OrderKind.INSTALL, {})
    store.orders.next("m1")
    store.orders.give("m1", OrderKind.REBOOT, {})
    store.orders.cancel("m1", "reset by the operator")
    assert store.orders.next("m1") is None
    assert not store.orders.report(order.id, "m1", OrderStatus.SUCCEEDED)
    assert {(order.status, order.message) for order in store.orders.history("m1")} == {
        (OrderStatus.CANCELLED, "reset by the operator")
    }


def test_the_current_order_of_every_machine(store: Store) -> None:
    orders = {name: [store.orders.give(name, OrderKind.INSPECT, {}) for _ in range(2)][1] for name in ("m1", "m2")}
    assert store.orders.all_current() == orders


def test_orders_given_and_fetched_at_once(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: store.orders.give("m1", OrderKind.INSPECT, {"n": n}), range(12)))
        assert len({order.id if order else 0 for order in pool.map(lambda _: store.orders.next("m1"), range(12))}) == 1
    statuses = [order.status for order in store.orders.history("m1")]
    assert sorted(statuses) == [OrderStatus.CANCELLED] * 11 + [OrderStatus.RUNNING]


def test_few_orders_are_kept_but_always_the_open_ones(store: Store) -> None:
    store.orders.give("m1", OrderKind.WIPE, {})
    running = store.orders.next("m1")
    for _ in range(KEPT + 3):
        store.orders.give("m1", OrderKind.INSPECT, {})
    assert len(store.orders.history("m1")) == KEPT + 1
    assert current(store) == running
