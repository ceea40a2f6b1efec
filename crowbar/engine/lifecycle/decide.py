"""What is to be done next for a machine: from what is known of it alone, so that it can be asked at any moment.

Nothing is remembered between two calls but what is in the store. Who is killed between a decision and its end decides
the same again, and each action can be done twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from crowbar.engine.lifecycle.action import Action, ActionKind
from crowbar.engine.lifecycle.health import AT_BMC, has_problem_of_its_own, mark
from crowbar.engine.lifecycle.patience import Patience
from crowbar.engine.lifecycle.situation import Situation, is_open
from crowbar.store.machine_model import MachineView, Order, OrderKind, OrderStatus
from crowbar.store.model import Health, NodeState
from crowbar_inventory.bmc.model import BootDevice

_ORDINARY = Patience()
_BY_BMC = (ActionKind.DISCOVER, ActionKind.BOOT_DISK)


def decide(
    view: MachineView,
    order: Order | None,
    now: datetime,
    patience: Patience = _ORDINARY,
    *,
    up_since: datetime | None = None,
) -> Action:
    """The next action for the machine. ``order`` is its current one (`store.orders.current`), None without any.

    While the admin node was away it heard nobody: a silence counts from ``up_since`` at the earliest.
    """
    if view.health is Health.MAINTENANCE:
        return _nothing("It is in maintenance.")
    situation = Situation(view, order, now, patience, up_since)
    return mark(situation) or _past_its_bmc(situation, _BY_STATE[view.state](situation))


def _past_its_bmc(it: Situation, action: Action) -> Action:
    """The action. A BMC that failed is no problem any more of a machine that goes on without: somebody booted it."""
    if not it.view.last_error.startswith(AT_BMC) or action.kind in _BY_BMC:
        return action
    return Action(ActionKind.MARK_HEALTH, "It does not need its BMC now.", health=Health.OK)


def _reset(it: Situation) -> Action:
    if not it.machine.bmc:
        return _move(NodeState.DISCOVERING, "Its agent is there.") if it.heard else _by_hand("It was reset.")
    if it.made_to_boot(BootDevice.PXE, it.view.since):
        return _move(NodeState.DISCOVERING, "It was made to boot the discovery system.")
    return Action(ActionKind.DISCOVER, "It was reset.")


def _discovering(it: Situation) -> Action:
    if it.inspected:
        return _move(NodeState.DISCOVERED, "Its inventory is there.")
    if not it.machine.approved:
        return _approval(it)
    if not (it.agent_is_there and it.heard):
        return _discover(it, "Its hardware is not known.")
    # An agent sends its inventory unasked. One that did not is asked.
    if it.order is not None and (is_open(it.order) or it.failed_just_now(it.order)):
        return _nothing("Its agent was asked for the inventory.")
    if not it.past(it.registered, it.patience.inspect):
        return _nothing("Its agent is about to send the inventory.")
    return Action(ActionKind.GIVE_INSPECT, "Its agent is there, and sent no inventory.")


def _discovered(it: Situation) -> Action:
    looks = it.current is not None and it.current.kind is OrderKind.INSPECT and is_open(it.current)
    if not (it.shall_be_installed or looks):
        return _nothing("It is where it shall be.")
    if not it.machine.approved:
        return _approval(it)
    if not it.agent_is_there:
        return _discover(it, "There is something to do, and its agent is not there.")
    if is_open(it.current):
        return _nothing("It carries out an order.")
    if has_problem_of_its_own(it) or not it.machine.install_disk:
        return _nothing(f"It is not installed because it has a problem: {it.view.last_error}")
    return _move(NodeState.HARDWARE_INSTALLING, "It shall be installed.")


def _hardware_installing(it: Situation) -> Action:
    if it.order is None and has_problem_of_its_own(it):
        return _nothing(f"It is not wiped because it has a problem: {it.view.last_error}")
    return _bring_to_an_end(it, ActionKind.GIVE_WIPE) or _move(NodeState.HARDWARE_INSTALLED, "Its disks are wiped.")


def _hardware_installed(it: Situation) -> Action:
    if not it.shall_be_installed:
        return _nothing("It is where it shall be.")
    return _move(NodeState.INSTALLING, "It shall be installed.")


def _installing(it: Situation) -> Action:
    action = _bring_to_an_end(it, ActionKind.GIVE_INSTALL)
    if action is not None:
        return action
    written = it.order.updated if it.order else None
    if not it.machine.bmc:
        return _await_ssh("Its image is written, and its agent restarts it.")
    if not it.made_to_boot(BootDevice.DISK, written):
        return Action(ActionKind.BOOT_DISK, "Its image is written.")
    if not it.booting and not it.may_be_heard_yet:
        return Action(ActionKind.BOOT_DISK, "It was made to boot from its disk, and does not answer.")
    return _await_ssh("It boots from its disk.")


def _bring_to_an_end(it: Situation, give: ActionKind) -> Action | None:
    """What the state's order needs; None when it succeeded."""
    order = it.order
    if order is None:
        return Action(give, f"It is {it.view.state}.")
    if order.status is OrderStatus.SUCCEEDED:
        return None
    if order.status is OrderStatus.FAILED:
        if it.failed_just_now(order):
            return _nothing(f"Its order to {order.kind} failed, and is given again soon.")
        return Action(give, f"Once more, as it failed: {order.message}")
    if not it.busy_with(order):
        return _discover(it, f"Its agent went away during the order to {order.kind}.")
    return _nothing(f"Its order to {order.kind} is {order.status}.")


def _discover(it: Situation, reason: str) -> Action:
    """Have it boot the discovery system, unless it is just doing so or cannot be made to."""
    if not it.machine.bmc:
        return _by_hand(reason)
    if it.may_be_heard_yet:
        return _nothing(f"{reason} The admin node has just started, and may hear it yet.")
    if it.booting and it.machine.boot_device is BootDevice.PXE:
        return _nothing(f"{reason} It was made to boot.")
    return Action(ActionKind.DISCOVER, reason)


def _runs(_it: Situation) -> Action:
    return _nothing("It runs a system of its own.")


def _deleting(_it: Situation) -> Action:
    return Action(ActionKind.FORGET, "It is being deleted.")


def _by_hand(reason: str) -> Action:
    return _nothing(f"{reason} Crowbar knows no BMC of it, so it has to be started by hand.")


def _approval(it: Situation) -> Action:
    return _nothing(f"It waits for approval: crowbar machines approve {it.machine.name}")


def _nothing(reason: str) -> Action:
    return Action(ActionKind.NOTHING, reason)


def _move(to: NodeState, reason: str) -> Action:
    return Action(ActionKind.MOVE, reason, to=to)


def _await_ssh(reason: str) -> Action:
    return Action(ActionKind.AWAIT_SSH, reason, to=NodeState.INSTALLED)


_BY_STATE: Mapping[NodeState, Callable[[Situation], Action]] = {
    NodeState.DISCOVERING: _discovering,
    NodeState.DISCOVERED: _discovered,
    NodeState.HARDWARE_INSTALLING: _hardware_installing,
    NodeState.HARDWARE_INSTALLED: _hardware_installed,
    NodeState.INSTALLING: _installing,
    NodeState.INSTALLED: _runs,
    NodeState.READYING: _runs,
    NodeState.READY: _runs,
    NodeState.RESET: _reset,
    NodeState.DELETING: _deleting,
}
