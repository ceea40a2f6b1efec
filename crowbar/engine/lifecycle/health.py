"""What a machine's health should be, as far as silence, orders and disks say. Who found another cause lifts it."""

from __future__ import annotations

from crowbar.engine.lifecycle.action import Action, ActionKind
from crowbar.engine.lifecycle.situation import Situation, is_open
from crowbar.engine.lifecycle.table import overdue
from crowbar.store.machine_model import OrderStatus
from crowbar.store.model import Health, NodeState
from crowbar_inventory.bmc.model import Power

# By these beginnings a problem is known again. Only those that were found here are lifted here.
_SILENT = "No sign of life"
_FAILED = "The order to"
_NO_DISK = "No disk was chosen"
AT_BMC = "The BMC of"  # did not do what it was told: found by whoever told it
_MESSAGE = 1000  # characters: the whole must fit into a last error, or it would never be what was marked
Standing = tuple[Health, str]  # and the last error
_FINE: Standing = (Health.OK, "")


def mark(situation: Situation) -> Action | None:
    """The change of health that is due, or None."""
    view = situation.view
    if view.health is Health.MAINTENANCE or has_problem_of_its_own(situation):
        return None
    wanted = _order(situation) or _disk(situation) or _silence(situation)
    if wanted == (view.health, view.last_error) or (wanted == _FINE and view.health is Health.OK):
        return None
    health, error = wanted
    return Action(ActionKind.MARK_HEALTH, error or "What was wrong is over.", health=health, last_error=error)


def has_problem_of_its_own(situation: Situation) -> bool:
    """Whether it has a problem that was found elsewhere: by a rule, at its BMC, in a deployment."""
    ours = situation.view.last_error.startswith((_SILENT, _FAILED, _NO_DISK))
    return situation.view.health is Health.PROBLEM and not ours


def _order(situation: Situation) -> Standing | None:
    """A failed order is a problem until one of its kind succeeds, however often it is given again meanwhile."""
    order, view = situation.order, situation.view
    if order is not None and order.status is OrderStatus.FAILED:
        return Health.PROBLEM, f"{_FAILED} {order.kind} failed: {order.message[:_MESSAGE] or 'no reason was given'}"
    again = is_open(order) and view.health is Health.PROBLEM and view.last_error.startswith(_FAILED)
    return (view.health, view.last_error) if again else None


def _disk(situation: Situation) -> Standing | None:
    waits = situation.view.state is NodeState.DISCOVERED and situation.shall_be_installed
    if not waits or situation.machine.install_disk:
        return None
    name = situation.machine.name
    return Health.PROBLEM, f"{_NO_DISK} to install it on: see `crowbar machines show {name}` and the matching rules."


def _silence(situation: Situation) -> Standing:
    view, last, times = situation.view, situation.last_sign, situation.patience.silence
    switched_off = view.state is NodeState.DISCOVERED and view.machine.power is Power.OFF
    if last is None or switched_off or (health := overdue(view.state, last, situation.now, times)) is Health.OK:
        return _FINE
    # Without the time that has gone by: a text that changed with every look would be a new event each time.
    words = view.machine.last_words or "nothing was ever heard of its agent"
    by_console = f"Its console may tell why: crowbar machines console {view.machine.name}"
    what_next = by_console if view.machine.bmc else "Crowbar knows no BMC of it: it has to be started by hand."
    return health, f"{_SILENT} since {last:%Y-%m-%d %H:%M:%S} UTC; before: {words}. {what_next}"
