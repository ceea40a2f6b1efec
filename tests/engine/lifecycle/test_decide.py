"""What is done next for a machine: each row of the table, with what is known as the only input."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crowbar.engine.lifecycle import TABLE, Action, ActionKind, Patience, decide, may
from crowbar.store.machine_model import Machine, MachineView, Order, OrderKind, OrderStatus, Target
from crowbar.store.model import Health, NodeState
from crowbar_inventory.bmc.model import BootDevice, Power

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DO = ActionKind
S = NodeState


VIEWED = ("health", "last_error", "inspected", "registered")


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def view(state: NodeState, since: float = 100, **changes: Any) -> MachineView:
    """A machine with a BMC, which shall be installed and whose agent was heard ten seconds ago."""
    of_view = {name: changes.pop(name) for name in VIEWED if name in changes}
    ordinary = {"bmc": "ipmi://10.0.0.5", "approved": True, "target": Target.INSTALLED, "install_disk": "D1"}
    machine = Machine("m1", **{**ordinary, "last_seen": ago(10), "last_words": "waits", **changes})
    plain = MachineView(machine, state, Health.OK, "", (), {}, None, None, since=ago(since))
    return replace(plain, **of_view)


def order(kind: OrderKind, status: OrderStatus, given: float = 50, updated: float = 5, message: str = "") -> Order:
    return Order(7, "m1", kind, {}, status, message, 0, ago(given), ago(updated))


GONE: dict[str, Any] = {"last_seen": None}
SILENT: dict[str, Any] = {"health": Health.DELAYED, "last_error": "@silent"}
AT_BMC: dict[str, Any] = {"health": Health.PROBLEM, "last_error": "The BMC of m1 does not answer"}
PXE: dict[str, Any] = {"boot_device": BootDevice.PXE}
DISK: dict[str, Any] = {"boot_device": BootDevice.DISK}
ANY = (OrderStatus.WAITING, OrderStatus.RUNNING)


@dataclass(frozen=True)
class Row:
    """What is known, and what is to be done; ``says`` is part of the reason."""

    view: MachineView
    order: Order | None
    kind: ActionKind
    to: NodeState | None = None
    says: str = ""


WIPE, INSTALL, INSPECT = OrderKind.WIPE, OrderKind.INSTALL, OrderKind.INSPECT
FAILED, SUCCEEDED, CANCELLED = OrderStatus.FAILED, OrderStatus.SUCCEEDED, OrderStatus.CANCELLED
MARKED: dict[str, Any] = {"health": Health.PROBLEM, "last_error": "The order to wipe failed: sda is gone"}
ROWS = {
    # Discovering
    "off, and known by its BMC": Row(view(S.DISCOVERING, **GONE), None, DO.DISCOVER, says="not known"),
    "made to boot": Row(
        view(S.DISCOVERING, **GONE, **PXE, boot_ordered=ago(60)), None, DO.NOTHING, says="made to boot"
    ),
    "did not come back": Row(view(S.DISCOVERING, 650, **GONE, **PXE, boot_ordered=ago(601)), None, DO.MARK_HEALTH),
    "did not come back, which is known": Row(
        view(S.DISCOVERING, 650, **GONE, **PXE, boot_ordered=ago(601), **SILENT),
        None,
        DO.DISCOVER,
    ),
    "no BMC": Row(view(S.DISCOVERING, **GONE, bmc=""), None, DO.NOTHING, says="by hand"),
    "not approved": Row(view(S.DISCOVERING, approved=False), None, DO.NOTHING, says="machines approve m1"),
    "its agent is there": Row(view(S.DISCOVERING), None, DO.NOTHING, says="about to send"),
    "its agent sent nothing": Row(view(S.DISCOVERING, 121), None, DO.GIVE_INSPECT),
    "its agent came late": Row(view(S.DISCOVERING, 500, registered=ago(20)), None, DO.NOTHING, says="about to send"),
    "its agent came late, and sent nothing": Row(view(S.DISCOVERING, 500, registered=ago(121)), None, DO.GIVE_INSPECT),
    "was asked": Row(view(S.DISCOVERING, 121), order(INSPECT, OrderStatus.WAITING), DO.NOTHING, says="was asked"),
    "was asked in an earlier life": Row(view(S.DISCOVERING, 121), order(INSPECT, FAILED, 130, 125), DO.GIVE_INSPECT),
    "its agent of before a reset": Row(view(S.DISCOVERING, 5), None, DO.DISCOVER),
    "inventory came as we were killed": Row(view(S.DISCOVERING, inspected=ago(20)), None, DO.MOVE, S.DISCOVERED),
    "inventory of an earlier life": Row(view(S.DISCOVERING, inspected=ago(200)), None, DO.NOTHING),
    "inventory before the BMC's answer": Row(
        view(S.DISCOVERING, inspected=ago(101), **PXE, boot_ordered=ago(102)), None, DO.MOVE, S.DISCOVERED
    ),
    "inventory before the boot": Row(
        view(S.DISCOVERING, inspected=ago(103), **PXE, boot_ordered=ago(102)), None, DO.NOTHING
    ),
    "inventory since a boot that no BMC made": Row(
        view(S.DISCOVERING, bmc="", inspected=ago(101), **PXE, boot_ordered=ago(102)), None, DO.NOTHING
    ),
    # Discovered
    "where it shall be": Row(view(S.DISCOVERED, target=Target.DISCOVERED), None, DO.NOTHING, says="where it shall be"),
    "shall be installed": Row(view(S.DISCOVERED), None, DO.MOVE, S.HARDWARE_INSTALLING),
    "an old order is none": Row(view(S.DISCOVERED), order(WIPE, SUCCEEDED), DO.MOVE, S.HARDWARE_INSTALLING),
    "an operator's order first": Row(view(S.DISCOVERED), order(INSPECT, OrderStatus.RUNNING), DO.NOTHING),
    "switched off, shall be installed": Row(
        view(S.DISCOVERED, 10**6, last_seen=ago(10**5), power=Power.OFF), None, DO.DISCOVER
    ),
    "switched off, shall be inspected": Row(
        view(S.DISCOVERED, 10**6, last_seen=ago(10**5), power=Power.OFF, target=Target.DISCOVERED),
        order(INSPECT, OrderStatus.WAITING),
        DO.DISCOVER,
    ),
    "switched off, and wanted for nothing": Row(
        view(S.DISCOVERED, 10**6, last_seen=ago(10**5), power=Power.OFF, target=Target.DISCOVERED), None, DO.NOTHING
    ),
    "refused by a rule": Row(
        view(S.DISCOVERED, health=Health.PROBLEM, last_error="too small"), None, DO.NOTHING, says="too small"
    ),
    "let in no longer": Row(view(S.DISCOVERED, approved=False), None, DO.NOTHING, says="approve"),
    "no disk": Row(view(S.DISCOVERED, install_disk=""), None, DO.MARK_HEALTH, says="No disk was chosen"),
    "its BMC failed": Row(view(S.DISCOVERED, **GONE, **AT_BMC), None, DO.DISCOVER),
    "its BMC failed, and somebody booted it": Row(view(S.DISCOVERED, **AT_BMC), None, DO.MARK_HEALTH),
    # Hardware
    "no order yet": Row(view(S.HARDWARE_INSTALLING), None, DO.GIVE_WIPE),
    "an order of before": Row(view(S.HARDWARE_INSTALLING), order(WIPE, SUCCEEDED, 101), DO.GIVE_WIPE),
    "another's order": Row(view(S.HARDWARE_INSTALLING), order(INSPECT, SUCCEEDED), DO.GIVE_WIPE),
    "cancelled": Row(view(S.HARDWARE_INSTALLING), order(WIPE, CANCELLED), DO.GIVE_WIPE),
    **{
        f"wipe {status}": Row(view(S.HARDWARE_INSTALLING), order(WIPE, status), DO.NOTHING, says=status)
        for status in ANY
    },
    "wipe failed": Row(view(S.HARDWARE_INSTALLING), order(WIPE, FAILED, message="sda is gone"), DO.MARK_HEALTH),
    "wipe failed just now": Row(
        view(S.HARDWARE_INSTALLING, **MARKED), order(WIPE, FAILED, message="sda is gone"), DO.NOTHING, says="soon"
    ),
    "wipe failed a while ago": Row(
        view(S.HARDWARE_INSTALLING, **MARKED),
        order(WIPE, FAILED, 90, 61, "sda is gone"),
        DO.GIVE_WIPE,
        says="sda is gone",
    ),
    "wipe again": Row(view(S.HARDWARE_INSTALLING, **MARKED), order(WIPE, OrderStatus.RUNNING), DO.NOTHING),
    "agent died": Row(
        view(S.HARDWARE_INSTALLING, 900, last_seen=ago(301), **SILENT),
        order(WIPE, OrderStatus.RUNNING, 800, 400),
        DO.DISCOVER,
        says="went away during",
    ),
    "agent died, no BMC": Row(
        view(S.HARDWARE_INSTALLING, 900, last_seen=ago(301), bmc="", **SILENT),
        order(WIPE, OrderStatus.RUNNING, 800, 400),
        DO.NOTHING,
        says="by hand",
    ),
    "wiped": Row(view(S.HARDWARE_INSTALLING), order(WIPE, SUCCEEDED), DO.MOVE, S.HARDWARE_INSTALLED),
    "go on": Row(view(S.HARDWARE_INSTALLED), order(WIPE, SUCCEEDED), DO.MOVE, S.INSTALLING),
    "thought better of": Row(view(S.HARDWARE_INSTALLED, target=Target.DISCOVERED), None, DO.NOTHING),
    # Installing
    "no image yet": Row(view(S.INSTALLING), order(WIPE, SUCCEEDED), DO.GIVE_INSTALL),
    "writing": Row(view(S.INSTALLING), order(INSTALL, OrderStatus.RUNNING), DO.NOTHING, says="running"),
    "image damaged": Row(view(S.INSTALLING), order(INSTALL, FAILED, message="digest differs"), DO.MARK_HEALTH),
    "written": Row(view(S.INSTALLING), order(INSTALL, SUCCEEDED), DO.BOOT_DISK),
    "written; PXE since": Row(view(S.INSTALLING, **PXE, boot_ordered=ago(1)), order(INSTALL, SUCCEEDED), DO.BOOT_DISK),
    "written; disk before": Row(
        view(S.INSTALLING, **DISK, boot_ordered=ago(9)), order(INSTALL, SUCCEEDED), DO.BOOT_DISK
    ),
    "written; no BMC": Row(view(S.INSTALLING, bmc=""), order(INSTALL, SUCCEEDED), DO.AWAIT_SSH, S.INSTALLED),
    "boots its disk": Row(
        view(S.INSTALLING, **DISK, boot_ordered=ago(1)), order(INSTALL, SUCCEEDED), DO.AWAIT_SSH, S.INSTALLED
    ),
    "does not answer": Row(
        view(S.INSTALLING, 800, **SILENT, last_seen=ago(660), **DISK, boot_ordered=ago(601)),
        order(INSTALL, SUCCEEDED, 700, 650),
        DO.BOOT_DISK,
        says="does not answer",
    ),
    # The rest
    **{f"{state}": Row(view(state, 10**6, **GONE), None, DO.NOTHING) for state in (S.INSTALLED, S.READYING, S.READY)},
    "an engine's problem stays": Row(
        view(S.READYING, health=Health.PROBLEM, last_error="nova failed."), order(INSTALL, SUCCEEDED), DO.NOTHING
    ),
    "reset": Row(view(S.RESET), None, DO.DISCOVER),
    "reset while it booted": Row(view(S.RESET, **PXE, boot_ordered=ago(101)), None, DO.DISCOVER),
    "reset and booting": Row(view(S.RESET, **PXE, boot_ordered=ago(99)), None, DO.MOVE, S.DISCOVERING),
    "reset without BMC": Row(view(S.RESET, bmc="", last_seen=ago(101)), None, DO.NOTHING, says="by hand"),
    "reset without BMC, back": Row(view(S.RESET, bmc="", last_seen=ago(99)), None, DO.MOVE, S.DISCOVERING),
    "deleting": Row(view(S.DELETING), None, DO.FORGET),
}


def silent(row: Row) -> Row:
    """The row with the error in its view that `decide` itself would have marked, where it says @silent."""
    if row.view.last_error != "@silent":
        return row
    bare = replace(row.view, health=Health.OK, last_error="")
    marked = decide(bare, row.order, NOW)
    assert marked.kind is DO.MARK_HEALTH and marked.health is row.view.health
    return replace(row, view=replace(row.view, last_error=marked.last_error))


@pytest.mark.parametrize("name", ROWS)
def test_each_row(name: str) -> None:
    row = silent(ROWS[name])
    action = decide(row.view, row.order, NOW)
    assert (action.kind, action.to) == (row.kind, row.to), action.reason
    assert action.reason and row.says in action.reason
    if action.kind is DO.MOVE and action.to is not None:
        assert may(row.view.state, action.to)


def test_every_state_and_kind_of_action_has_a_row() -> None:
    assert {row.view.state for row in ROWS.values()} == set(NodeState)
    assert {row.kind for row in ROWS.values()} == set(ActionKind)


@pytest.mark.parametrize("name", ROWS)
def test_nothing_is_done_in_maintenance(name: str) -> None:
    held = replace(ROWS[name].view, health=Health.MAINTENANCE, last_error="a new fan")
    assert decide(held, ROWS[name].order, NOW).kind is DO.NOTHING


@pytest.mark.parametrize("state", [state for state in NodeState if TABLE[state].problem is not None])
def test_silence_is_marked_once_and_lifted_when_it_ends(state: NodeState) -> None:
    rule = TABLE[state]
    assert rule.delayed and rule.problem
    known = view(state, 10**5, last_seen=ago(rule.delayed + 1), last_words="writes at 40 %")
    delayed = decide(known, None, NOW)
    assert (delayed.kind, delayed.health) == (DO.MARK_HEALTH, Health.DELAYED)
    assert delayed.last_error.startswith("No sign of life since 2026-11-21 11:5")
    assert delayed.last_error.endswith("before: writes at 40 %. Its console may tell why: crowbar machines console m1")
    known = marked(known, delayed)
    assert decide(known, None, NOW).kind is not DO.MARK_HEALTH
    assert decide(known, None, NOW + timedelta(seconds=60)).kind is not DO.MARK_HEALTH
    later = NOW + timedelta(seconds=rule.problem)
    problem = decide(known, None, later)
    assert (problem.kind, problem.health) == (DO.MARK_HEALTH, Health.PROBLEM)
    known = marked(known, problem)
    assert decide(known, None, later).kind is not DO.MARK_HEALTH
    back = replace(known, machine=replace(known.machine, last_seen=later))
    lifted = decide(back, None, later)
    assert (lifted.kind, lifted.health, lifted.last_error) == (DO.MARK_HEALTH, Health.OK, "")
    assert decide(marked(back, lifted), None, later).kind is not DO.MARK_HEALTH


def marked(known: MachineView, action: Action) -> MachineView:
    assert action.health is not None
    return replace(known, health=action.health, last_error=action.last_error)


def test_an_order_to_boot_excuses_silence_once() -> None:
    long_off = view(S.DISCOVERED, 10**6, last_seen=ago(10**5), boot_device=BootDevice.PXE, boot_ordered=ago(60))
    booted_once = replace(long_off, machine=replace(long_off.machine, boots_unanswered=1))
    assert decide(booted_once, None, NOW).kind is DO.NOTHING
    booted_twice = replace(long_off, machine=replace(long_off.machine, boots_unanswered=2))
    assert decide(booted_twice, None, NOW).health is Health.PROBLEM


def test_a_failed_order_is_a_problem_until_one_succeeds() -> None:
    known = view(S.INSTALLING)
    failed = order(INSTALL, FAILED, message="digest differs " * 1000)
    mark = decide(known, failed, NOW)
    assert mark.health is Health.PROBLEM and mark.last_error.startswith("The order to install failed: digest differs")
    assert len(mark.last_error) < 1100
    known = marked(known, mark)
    for status in ANY:
        assert decide(known, order(INSTALL, status), NOW).kind is DO.NOTHING
    lifted = decide(known, order(INSTALL, SUCCEEDED), NOW)
    assert (lifted.kind, lifted.health) == (DO.MARK_HEALTH, Health.OK)
    assert decide(marked(known, lifted), order(INSTALL, SUCCEEDED), NOW).kind is DO.BOOT_DISK


def test_a_problem_that_was_found_elsewhere_is_left_alone() -> None:
    known = view(S.HARDWARE_INSTALLING, 10**5, last_seen=ago(10**4), health=Health.PROBLEM, last_error="BMC: no")
    assert decide(known, None, NOW).kind is DO.NOTHING  # nothing is wiped that has one
    assert decide(known, order(WIPE, FAILED), NOW).kind is DO.NOTHING


def test_patience_can_be_another() -> None:
    known = view(S.DISCOVERING, **GONE, **PXE, boot_ordered=ago(60))
    assert decide(known, None, NOW, Patience(boot=59)).kind is DO.DISCOVER


@pytest.mark.parametrize(
    ("known", "given"),
    [
        (view(S.INSTALLING, 700, last_seen=ago(650)), order(INSTALL, OrderStatus.RUNNING, 690, 650)),
        (view(S.HARDWARE_INSTALLING, 700, last_seen=ago(650)), order(WIPE, OrderStatus.RUNNING, 690, 650)),
        (view(S.DISCOVERED, 700, last_seen=ago(650)), None),
    ],
)
def test_who_was_not_heard_because_nobody_listened_is_left_alone(known: MachineView, given: Order | None) -> None:
    """The admin node was away for eleven minutes: its machines went on meanwhile."""
    assert decide(known, given, NOW, up_since=ago(5)).kind is DO.NOTHING
    silent = decide(known, given, NOW, up_since=ago(640))
    assert (silent.kind, silent.health is Health.OK) == (DO.MARK_HEALTH, False)


def test_what_boots_from_its_disk_is_asked_for_ssh_before_it_is_made_to_boot_again() -> None:
    known = view(S.INSTALLING, 1000, last_seen=ago(800), boot_device=BootDevice.DISK, boot_ordered=ago(790))
    written = order(INSTALL, SUCCEEDED, 900, 800)
    assert decide(known, written, NOW, up_since=ago(5)).kind is DO.AWAIT_SSH
    assert decide(replace(known, health=Health.DELAYED), written, NOW, up_since=ago(200)).kind in (
        DO.BOOT_DISK,
        DO.MARK_HEALTH,
    )


def test_what_the_rules_refuse_is_not_wiped() -> None:
    refused = view(S.HARDWARE_INSTALLING, health=Health.PROBLEM, last_error="less than 8 GiB of memory")
    assert decide(refused, None, NOW).kind is DO.NOTHING
