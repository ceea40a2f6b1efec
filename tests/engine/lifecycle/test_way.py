"""A machine goes its whole way in a real store, however often the admin node is killed on it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from crowbar.engine.lifecycle import SETTLED, Action, ActionKind, decide, may
from crowbar.store.columns import now
from crowbar.store.machine_model import Machine, MachineView, OrderKind, OrderStatus, Target
from crowbar.store.model import Health, NodeState
from crowbar.store.store import Store, open_store
from crowbar_inventory.bmc.model import BootDevice
from crowbar_inventory.hardware import Hardware, Identity
from tests.conftest import place

ORDERS = {
    ActionKind.GIVE_INSPECT: OrderKind.INSPECT,
    ActionKind.GIVE_WIPE: OrderKind.WIPE,
    ActionKind.GIVE_INSTALL: OrderKind.INSTALL,
}
BOOTS = {ActionKind.DISCOVER: BootDevice.PXE, ActionKind.BOOT_DISK: BootDevice.DISK}


@pytest.fixture
def store(tmp_path: Path, migrated: Path) -> Iterator[Store]:
    place(migrated, tmp_path / "crowbar.db")
    with open_store(f"sqlite:///{tmp_path}/crowbar.db", tmp_path / "secret.key") as store:
        machine = Machine("m1", bmc="fake://m1", approved=True, target=Target.INSTALLED, install_disk="D1")
        store.machines.save(machine)
        yield store


class Rack:
    """The machine itself, and an executor that may be killed before or after anything that it does."""

    def __init__(self, store: Store, killed: float, seed: int) -> None:
        self.store = store
        self.killed = killed
        self.chance = random.Random(seed)
        self.runs = ""  # what the machine runs: nothing, the discovery system, or its disk
        self.done: list[ActionKind] = []

    def view(self) -> MachineView:
        view = self.store.machines.view("m1")
        assert view is not None
        return view

    def round(self) -> None:
        """One round of the loop, then the machine does something."""
        for _ in range(10):
            view = self.view()
            action = decide(view, self.store.orders.current("m1"), now())
            if self._dies():
                break
            self.act(view, action)
            if self._dies() or action.kind in SETTLED:
                break
        else:
            pytest.fail(f"never settles: {self.done[-10:]}")
        self.agent()

    def act(self, view: MachineView, action: Action) -> None:
        self.done.append(action.kind)
        if action.kind in BOOTS:
            self.runs = BOOTS[action.kind]
            if not self._dies():  # killed between the order and its record
                self.store.machines.boot_ordered("m1", BOOTS[action.kind])
        elif action.kind in ORDERS:
            self.store.orders.give("m1", ORDERS[action.kind], {})
        elif action.kind is ActionKind.MARK_HEALTH and action.health is not None:
            self.store.machines.set_health("m1", action.health, action.last_error)
        elif action.to and (action.kind is ActionKind.MOVE or self.runs == "disk"):
            assert may(view.state, action.to)
            self.store.machines.move("m1", action.to, actor="crowbar", reason=action.reason, expected=view.state)

    def agent(self) -> None:
        """What the discovery system does between two rounds, if it runs."""
        if self.runs != "pxe":
            return
        view = self.view()
        self.store.machines.seen("m1", "waits for orders")
        if view.state is NodeState.DISCOVERING:
            self.store.hardware.add("m1", Hardware(Identity()), {})
            if not self._dies():  # killed between the inventory and the move
                to = NodeState.DISCOVERED
                self.store.machines.move("m1", to, actor="agent", reason="", expected=view.state)
        order = self.store.orders.next("m1")
        if order is not None and not self._dies():
            self.store.orders.report(order.id, "m1", OrderStatus.SUCCEEDED)

    def _dies(self) -> bool:
        return self.chance.random() < self.killed


def drive(rack: Rack, until: NodeState) -> None:
    for _ in range(300):
        if rack.view().state is until:
            return
        rack.round()
    pytest.fail(f"stuck in {rack.view()}; {rack.done[-10:]}")


def test_the_straight_way(store: Store) -> None:
    rack = Rack(store, 0, 1)
    drive(rack, NodeState.INSTALLED)
    assert [kind for kind in rack.done if kind not in (ActionKind.MOVE, ActionKind.NOTHING)] == [
        ActionKind.DISCOVER,
        ActionKind.GIVE_WIPE,
        ActionKind.GIVE_INSTALL,
        ActionKind.BOOT_DISK,
        ActionKind.AWAIT_SSH,
    ]
    assert rack.view().health is Health.OK
    states = [event.data["to"] for event in store.machine_events.timeline("m1")]
    assert states == ["discovered", "hardware-installing", "hardware-installed", "installing", "installed"]


@pytest.mark.parametrize("seed", range(5))
def test_however_often_the_admin_node_is_killed(store: Store, seed: int) -> None:
    rack = Rack(store, 0.4, seed)
    drive(rack, NodeState.INSTALLED)
    store.machines.move("m1", NodeState.RESET, actor="operator", reason="reinstall")
    drive(rack, NodeState.DISCOVERED)
    drive(rack, NodeState.INSTALLED)
    assert rack.view().health is Health.OK
    moved = [(event.data["from"], event.data["to"]) for event in store.machine_events.timeline("m1")]
    assert all(may(NodeState(old), NodeState(new)) for old, new in moved)
    assert len(moved) == 5 + 1 + 1 + 5  # no move twice, none left out
