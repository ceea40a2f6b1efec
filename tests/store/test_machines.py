"""Machines: what is known of them comes back, moves are compare-and-set, and what was theirs goes with them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from crowbar.errors import InputError, NodeError
from crowbar.store.columns import now
from crowbar.store.machine_model import Machine, MachineEvent, MachineView, Network, OrderKind, Target
from crowbar.store.model import Health, Node, NodeKind, NodeState
from crowbar.store.store import Store
from crowbar_inventory.bmc.model import BootDevice, Credential, Power
from crowbar_inventory.hardware import BootMode, Hardware, Identity

MACHINE = Machine(
    "m1",
    bmc="ipmi://10.0.0.5",
    identity_uuid="0a1b",
    identity_serial="S1",
    macs=("52:54:00:00:00:02", "52:54:00:00:00:01"),
    power=Power.OFF,
    boot_mode=BootMode.UEFI,
    target=Target.INSTALLED,
    approved=True,
    allocated=True,
    group="rack 1",
    intended_role="compute",
    install_disk="WD-1",
    rack_position="r1u5",
    last_seen=datetime(2026, 11, 21, 12, tzinfo=UTC),
    last_words="hello",
)
ADMIN = Network("admin", "10.0.0.0/24", ranges={"host": ("10.0.0.10", "10.0.0.20")})


@pytest.fixture
def machine(store: Store) -> Machine:
    store.machines.save(MACHINE)
    return MACHINE


def view_of(store: Store) -> MachineView:
    view = store.machines.view("m1")
    assert view is not None
    return view


def kinds(store: Store, macs: Sequence[str] = ()) -> list[str]:
    return [event.kind for event in store.machine_events.timeline("m1", macs)]


def test_a_machine_comes_back_as_it_was_saved(store: Store, machine: Machine) -> None:
    store.machines.save(Machine("m2"))
    assert store.machines.get("m1") == machine
    assert store.machines.all() == [machine, Machine("m2")]
    assert store.machines.get("m3") is None
    assert store.machines.view("m3") is None


def test_a_new_machine_is_a_node_without_an_address(store: Store, machine: Machine) -> None:
    node = store.nodes.get("m1")
    assert node == Node("m1", NodeKind.MACHINE, {}, state=NodeState.DISCOVERING)
    with pytest.raises(NodeError, match="m1 has no address in the admin network: it is discovering") as raised:
        assert node.address
    assert raised.value.hint


def test_saving_again_keeps_what_lives(store: Store, machine: Machine) -> None:
    before = view_of(store)
    store.machines.move("m1", NodeState.DISCOVERED, actor="agent", reason="")
    stale = replace(machine, power=Power.ON, last_words="old", last_seen=None, group="rack 2", macs=("a",), bmc="")
    store.machines.save(stale)
    view = view_of(store)
    assert view.state is NodeState.DISCOVERED
    assert view.machine == replace(machine, group="rack 2", macs=("a",), bmc="")
    assert view.since and before.since and view.since > before.since


def test_a_name_that_means_something_else_is_refused(store: Store, machine: Machine) -> None:
    store.nodes.save(Node("box", NodeKind.CONTAINER, {"admin": "192.0.2.1"}, aliases=("controller",)))
    for name, message in (("box", "a node of kind container"), ("controller", "already means node 'box'")):
        with pytest.raises(InputError, match=message):
            store.machines.save(Machine(name))
    for change in (store.machines.add_alias, lambda name, alias: store.machines.set_aliases(name, [alias])):
        with pytest.raises(InputError, match="'controller' already means"):
            change("m1", "controller")
    assert store.machines.all() == [machine]
    assert store.nodes.get("box") == store.nodes.get("controller")


def test_machines_are_found_by_alias_mac_and_identity(store: Store, machine: Machine) -> None:
    store.machines.save(Machine("m2", identity_uuid="0a1b", macs=("52:54:00:00:00:99",)))
    store.machines.save(Machine("m3"))
    store.machines.add_alias("m1", "first")
    store.machines.add_alias("m1", "second")
    store.machines.add_alias("m1", "first")
    assert store.machines.get("second") == machine
    assert view_of(store).aliases == ("first", "second")
    store.machines.set_aliases("m1", ["third"])
    assert (store.machines.get("first"), store.machines.get("third")) == (None, machine)
    assert store.machines.by_mac("52:54:00:00:00:01".upper()) == [machine]
    assert store.machines.by_mac("52:54:00:00:00:03\0\ud800") == []
    one = Identity("0a1b", "S1", frozenset(machine.macs))
    two = Identity("0a1b", "", frozenset({"52:54:00:00:00:99"}))
    assert store.machines.identities() == {"m1": one, "m2": two, "m3": Identity()}
    assert store.machines.identities(Identity(uuid="0a1b")) == {"m1": one, "m2": two}
    assert store.machines.identities(Identity(serial="S1")) == {"m1": one}
    assert store.machines.identities(Identity(macs=two.macs)) == {"m2": two}
    assert store.machines.identities(Identity()) == {}


def test_a_move_and_its_event_are_one(store: Store, machine: Machine) -> None:
    move = store.machines.move
    assert move("m1", NodeState.DISCOVERED, actor="agent", reason="inventory taken", expected=NodeState.DISCOVERING)
    assert not move("m1", NodeState.DISCOVERED, actor="agent", reason="again", expected=NodeState.DISCOVERING)
    assert not move("m1", NodeState.DISCOVERED, actor="agent", reason="again")
    assert not move("m1", NodeState.RESET, actor="operator", reason="", expected=NodeState.READY)
    assert view_of(store).state is NodeState.DISCOVERED
    [event] = store.machine_events.timeline("m1")
    assert (event.kind, event.actor) == ("state.changed", "agent")
    assert event.message == "discovering -> discovered: inventory taken"
    assert event.data == {"from": "discovering", "to": "discovered"}


def test_of_many_who_move_at_once_one_does(store: Store, machine: Machine) -> None:
    def move(n: int) -> bool:
        return store.machines.move("m1", NodeState.DISCOVERED, actor=f"a{n}", reason="", expected=NodeState.DISCOVERING)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(move, range(16))) == 1
    assert kinds(store) == ["state.changed"]


def test_health_and_power_have_events_when_they_change(store: Store, machine: Machine) -> None:
    long = "no disk\0" * 4000
    assert [store.machines.set_health("m1", Health.PROBLEM, long) for _ in range(2)] == [True, False]
    assert store.machines.set_health("m1", Health.PROBLEM, "another")
    assert view_of(store).last_error == "another"
    assert store.machines.set_health("m1", Health.OK, "", "agent")
    assert [store.machines.set_power("m1", Power.ON) for _ in range(2)] == [True, False]
    store.machines.save(Machine("m2"))
    assert store.machines.set_powers({"m1": Power.ON, "m2": Power.OFF, "none": Power.OFF}) == {"m2"}
    view = view_of(store)
    assert (view.health, view.last_error, view.machine.power) == (Health.OK, "", Power.ON)
    assert kinds(store) == ["health.changed"] * 3 + ["power.changed"]


def test_fields_change_one_by_one(store: Store, machine: Machine) -> None:
    before = now()
    store.machines.boot_ordered("m1", BootDevice.PXE)
    store.machines.boot_ordered("m1", BootDevice.DISK)
    assert view_of(store).machine.boots_unanswered == 2
    store.machines.seen("m1", "waits for orders " * 1000)
    assert view_of(store).machine.boots_unanswered == 0
    store.machines.save(MACHINE)
    store.machines.update("m1", allocated=False, macs=("52:54:00:00:00:09",))
    store.machines.update("m1", target=Target.DISCOVERED, identity_serial="S\0" * 1000)
    store.machines.pin("m1", "ssh-ed25519 AAAA", "/keys/id")
    store.machines.pin("m1", "ssh-ed25519 BBBB")
    changed = view_of(store).machine
    assert (changed.allocated, changed.target, changed.macs) == (False, Target.DISCOVERED, ("52:54:00:00:00:09",))
    assert len(changed.identity_serial) == 256 and "\0" not in changed.identity_serial
    assert changed.last_seen and MACHINE.last_seen and changed.last_seen > MACHINE.last_seen
    assert changed.boot_device is BootDevice.DISK and changed.boot_ordered and before <= changed.boot_ordered <= now()
    assert len(changed.last_words) <= 1024 and changed.group == machine.group
    node = store.nodes.get("m1")
    assert node and (node.host_key, node.ssh_key) == ("ssh-ed25519 BBBB", "/keys/id")


def test_nothing_is_changed_of_a_machine_that_there_is_not(store: Store) -> None:
    store.nodes.save(Node("box", NodeKind.CONTAINER, {}))
    for change in (
        lambda: store.machines.move("box", NodeState.RESET, actor="", reason=""),
        lambda: store.machines.set_health("box", Health.OK),
        lambda: store.machines.seen("box", ""),
        lambda: store.machines.update("box", group=""),
        lambda: store.machines.set_aliases("box", ["a"]),
        lambda: store.machines.pin("box", ""),
        lambda: store.bmc_credentials.put("box", Credential("a", "b")),
        lambda: store.boots.issue("box"),
        lambda: store.boots.admit("box"),
        lambda: store.orders.give("box", OrderKind.INSPECT, {}),
        lambda: store.hardware.add("box", Hardware(Identity()), {}),
    ):
        with pytest.raises(LookupError, match="no machine 'box'"):
            change()
    assert not store.machines.delete("box")
    assert store.nodes.get("box")


def test_what_belongs_to_a_deleted_machine_goes(store: Store, machine: Machine) -> None:
    store.networks.save(ADMIN)
    store.machines.save(Machine("m2"))
    store.networks.allocate("admin", "m1", machine.macs[0])
    store.bmc_credentials.put("m1", Credential("admin", "hush-hush"))
    store.hardware.add("m1", Hardware(Identity()), {})
    session = store.boots.redeem(store.boots.issue("m1")).session
    store.orders.give("m1", OrderKind.INSPECT, {})
    at = now()
    store.machine_events.append(
        [
            MachineEvent("m1", at, "x", "a", ""),
            MachineEvent("", at, "dhcp.offer", "dnsmasq", "", {"mac": machine.macs[0]}),
            MachineEvent("m2", at, "y", "a", ""),
        ]
    )
    assert store.machines.delete("m1")
    assert [view.machine.name for view in store.machines.list()] == ["m2"]
    assert store.nodes.get("m1") is None
    assert list(store.networks.hosts("admin")) == []
    assert store.bmc_credentials.all() == {} and store.secrets.values() == []
    assert store.hardware.newest("m1") is None and store.orders.all_current() == {}
    assert store.boots.by_session(session or "") is None
    assert store.machine_events.timeline("m1", machine.macs) == []
    assert len(store.machine_events.timeline("m2")) == 1
    store.machines.save(Machine("m3", macs=machine.macs))
    assert store.networks.allocate("admin", "m3", machine.macs[0]) == "10.0.0.11"  # what was freed rests


def test_however_many_machines_are_listed_in_three_queries(store: Store, machine: Machine) -> None:
    from sqlalchemy import event

    store.machines.save(Machine("m2"))
    store.hardware.add("m1", Hardware(Identity(), vendor="old"), {})
    store.hardware.add("m1", Hardware(Identity(), vendor="new"), {})
    asked: list[str] = []
    engine = store._database._engine
    event.listen(engine, "before_cursor_execute", lambda *args: asked.append(args[2]))
    one, two = store.machines.list()
    assert len([statement for statement in asked if statement.startswith("SELECT")]) == 3
    assert one.hardware and one.hardware.vendor == "new" and one.inspected
    assert (two.hardware, two.inspected) == (None, None)
    assert store.machines.list(hardware=False) == [replace(one, hardware=None), two]


def test_bmc_passwords_are_struck_out(store: Store, machine: Machine) -> None:
    assert store.bmc_credentials.get("m1") is None
    store.machines.save(Machine("m2"))
    for name, password in (("m1", "first-password"), ("m2", ""), ("m1", "secret-password")):
        store.bmc_credentials.put(name, Credential("admin", password))
    assert store.bmc_credentials.get("m1") == Credential("admin", "secret-password")
    assert store.bmc_credentials.all()["m2"] == Credential("admin", "")
    assert store.secrets.values() == ["secret-password"]
