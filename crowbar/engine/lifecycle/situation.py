"""One machine at one moment, and what can be asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from crowbar.engine.lifecycle.patience import Patience
from crowbar.store.machine_model import Machine, MachineView, Order, OrderKind, OrderStatus, Target
from crowbar.store.model import NodeState
from crowbar_inventory.bmc.model import BootDevice

# The order that a state is about. Others, such as an operator's, are none of its business.
_ORDER_OF: Mapping[NodeState, OrderKind] = {
    NodeState.DISCOVERING: OrderKind.INSPECT,
    NodeState.HARDWARE_INSTALLING: OrderKind.WIPE,
    NodeState.INSTALLING: OrderKind.INSTALL,
}


@dataclass(frozen=True)
class Situation:
    """What `decide` is given. ``current`` is the machine's current order, whatever it is about.

    ``up_since`` is since when the admin node can hear anybody; None is for ever.
    """

    view: MachineView
    current: Order | None
    now: datetime
    patience: Patience
    up_since: datetime | None = None

    @property
    def machine(self) -> Machine:
        """The machine itself."""
        return self.view.machine

    @property
    def shall_be_installed(self) -> bool:
        """Whether an operator wants a system on it."""
        return self.machine.target is Target.INSTALLED

    @property
    def order(self) -> Order | None:
        """The current order, if it was given in the machine's state and is the one that the state is about."""
        order, since = self.current, self.view.since
        if order is None or order.kind is not _ORDER_OF.get(self.view.state) or order.status is OrderStatus.CANCELLED:
            return None
        return order if since is None or order.created is None or order.created >= since else None

    @property
    def inspected(self) -> bool:
        """Whether an inventory arrived in the machine's state, or since it was made to boot for it.

        A quick machine sends it before its BMC has answered, and so before it comes into the state.
        """
        since, booted = self.view.since, self.machine.boot_ordered
        if self.machine.bmc and self.machine.boot_device is BootDevice.PXE and since and booted:
            since = min(since, booted)
        return _at_or_after(self.view.inspected, since)

    @property
    def registered(self) -> datetime | None:
        """The moment from which on its agent has had time to send an inventory."""
        return _latest(self.view.since, self.view.registered)

    @property
    def heard(self) -> bool:
        """Whether its agent was heard in the machine's state."""
        return _at_or_after(self.machine.last_seen, self.view.since)

    @property
    def agent_is_there(self) -> bool:
        """Whether its agent was heard just now. What the BMC says of the power may be older than that."""
        return self.machine.last_seen is not None and not self.past(self.machine.last_seen, self.patience.alive)

    @property
    def may_be_heard_yet(self) -> bool:
        """Whether its agent was heard once, and the admin node is up again for too short a time to miss it."""
        return self.machine.last_seen is not None and not self.past(self.up_since, self.patience.alive)

    def busy_with(self, order: Order) -> bool:
        """Whether an agent may still be at the order: something long is not told of all the time."""
        heard = _latest(self.machine.last_seen, order.updated)
        return heard is not None and not self.past(heard, self.patience.busy)

    def made_to_boot(self, device: BootDevice, after: datetime | None) -> bool:
        """Whether it was ordered to boot from there after that moment."""
        return self.machine.boot_device is device and _at_or_after(self.machine.boot_ordered, after)

    @property
    def booting(self) -> bool:
        """Whether its last order to boot is so new that it may still be at it."""
        ordered = self.machine.boot_ordered
        return ordered is not None and not self.past(ordered, self.patience.boot)

    def failed_just_now(self, order: Order) -> bool:
        """Whether the order failed, and too short a time ago to be given again."""
        return order.status is OrderStatus.FAILED and not self.past(order.updated, self.patience.retry)

    @property
    def last_sign(self) -> datetime | None:
        """The last moment at which something was heard of it, or it was given reason to be silent.

        An order to boot is one only for the first time: whoever does not come back after it is not made alive by more.
        """
        booted = self.machine.boot_ordered if self.machine.boots_unanswered <= 1 else None
        updated = self.order.updated if self.order else None
        return _latest(self.view.since, self.machine.last_seen, booted, updated, self.up_since)

    def past(self, moment: datetime | None, seconds: float) -> bool:
        """Whether more than so many seconds have gone by since; True for a moment that never was."""
        return moment is None or (self.now - moment).total_seconds() > seconds


def is_open(order: Order | None) -> bool:
    """Whether the order waits or runs."""
    return order is not None and order.status in (OrderStatus.WAITING, OrderStatus.RUNNING)


def _at_or_after(moment: datetime | None, other: datetime | None) -> bool:
    return moment is not None and (other is None or moment >= other)


def _latest(*moments: datetime | None) -> datetime | None:
    return max((moment for moment in moments if moment is not None), default=None)
