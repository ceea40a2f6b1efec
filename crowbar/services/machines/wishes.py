"""What an operator wishes of machines. It is written down here, and carried out by the loop of `crowbar serve`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from crowbar.engine.lifecycle import may
from crowbar.errors import Fault, InputError
from crowbar.services.machines.control import OPERATOR
from crowbar.store.columns import now
from crowbar.store.machine_model import MachineEvent, MachineView, OrderKind, Target
from crowbar.store.model import RUNNING_STATES, Health, NodeState
from crowbar.store.store import Store

_HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_GROUP = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_WITH_AGENT = (NodeState.DISCOVERED, NodeState.HARDWARE_INSTALLED)


def approve(store: Store, names: Sequence[str]) -> None:
    """Let machines in that came unasked; one that is in already stays so. Raises InputError if one is not known."""
    for view in _check(store, names, lambda _view: ""):
        if not view.machine.approved:
            store.machines.update(view.machine.name, approved=True)
            _event(store, view.machine.name, "operator.approved", "is let in")


def allocate(store: Store, names: Sequence[str], *, allocated: bool = True) -> None:
    """Reserve machines for what comes next, or give them back."""
    _check(store, names, lambda _view: "")
    for name in names:
        store.machines.update(name, allocated=allocated)
        _event(store, name, "operator.allocated", "allocated" if allocated else "given back")


def not_installed(store: Store, names: Sequence[str]) -> list[str]:
    """Those of the machines that run no system of their own yet."""
    views = _check(store, names, lambda _view: "")
    return [view.machine.name for view in views if view.state not in RUNNING_STATES]


def check_install(store: Store, names: Sequence[str]) -> None:
    """See that these machines can be installed. Raises InputError with all reasons why not."""
    _check(store, names, _why_no_install)


def check_reset(store: Store, names: Sequence[str]) -> None:
    """See that these machines can be discovered anew. Raises InputError with all reasons why not."""
    _check(store, names, _why_no_reset)


def install(store: Store, names: Sequence[str]) -> None:
    """Have machines installed that are discovered, or on their way to be.

    Raises InputError with all reasons, and changes nothing, where one cannot be.
    """
    _check(store, names, _why_no_install)
    for name in names:
        store.machines.update(name, target=Target.INSTALLED)
        _event(store, name, "operator.install", "shall be installed")


def reset(store: Store, names: Sequence[str], *, reinstall: bool = False) -> None:
    """Have machines discovered anew; with ``reinstall``, installed after it: what is on their install disks is lost."""
    _check(store, names, _why_no_reset)
    target = Target.INSTALLED if reinstall else Target.DISCOVERED
    for name in names:
        store.machines.update(name, target=target)
        store.orders.cancel(name, "The machine is reset.")
        store.boots.revoke(name)
        reason = "reinstall was asked for" if reinstall else "reset was asked for"
        store.machines.move(name, NodeState.RESET, actor=OPERATOR, reason=reason)
        store.machines.set_health(name, Health.OK, actor=OPERATOR)
        store.applied.forget_node(name)  # the next deployment does not take for applied what is wiped


def inspect(store: Store, names: Sequence[str]) -> None:
    """Have the agents of machines look at the hardware again. Raises InputError where no agent runs."""
    _check(
        store,
        names,
        lambda view: (
            "" if view.state in _WITH_AGENT else f"is {view.state}: only the discovery system's agent can look"
        ),
    )
    for name in names:
        store.orders.give(name, OrderKind.INSPECT, {})
        _event(store, name, "operator.inspect", "shall be inspected")


def add_alias(store: Store, name: str, alias: str) -> None:
    """Another name for a machine. Raises InputError if it is none, or means something already."""
    if not _HOST_NAME.fullmatch(alias):
        fault = Fault(f"alias {alias!r}", "is no host name: lower-case letters, digits and dashes, at most 63")
        raise InputError(f"Machine {name} cannot be called that.", faults=[fault])
    [view] = _check(store, [name], lambda _view: "")
    store.machines.set_aliases(name, [*view.aliases, alias])


def remove_alias(store: Store, name: str, alias: str) -> None:
    """Take a name from a machine. Raises InputError if it has none such."""
    [view] = _check(store, [name], lambda view: "" if alias in view.aliases else f"has no alias {alias!r}")
    store.machines.set_aliases(name, [one for one in view.aliases if one != alias])


def set_group(store: Store, names: Sequence[str], group: str) -> None:
    """Put machines into a group; "" takes them out of theirs. Raises InputError for what is no group's name."""
    if group and not _GROUP.fullmatch(group):
        fault = Fault(f"group {group!r}", "must be letters, digits, dashes, dots and underscores, at most 63")
        raise InputError("No group can be called that.", faults=[fault])
    _check(store, names, lambda _view: "")
    for name in names:
        store.machines.update(name, group=group)


def delete(store: Store, names: Sequence[str]) -> None:
    """Forget machines. Their disks keep what they have; one that boots from the network again is a new machine."""
    _check(store, names, lambda _view: "")
    for name in names:
        store.machines.delete(name)
        store.applied.forget_node(name)  # another machine of that name has nothing of it


def _check(store: Store, names: Sequence[str], why_not: Callable[[MachineView], str]) -> list[MachineView]:
    """The machines. Raises InputError with the reason for each that is not known or may not."""
    views, faults = [], []
    for name in names:
        view = store.machines.view(name)
        reason = "is not known" if view is None else why_not(view)
        if view is None or reason:
            faults.append(Fault(f"machine {name}", reason))
        else:
            views.append(view)
    if faults:
        raise InputError(
            "This cannot be done with all of these machines, so nothing was changed.",
            faults=faults,
            hint="crowbar machines list",
        )
    return views


def _why_no_install(view: MachineView) -> str:
    if view.state in RUNNING_STATES:
        return f"is {view.state} already; `crowbar machines reinstall` installs it anew"
    if view.health is Health.PROBLEM:
        return f"has a problem: {view.last_error}"
    if not view.machine.approved:
        return f"waits for approval: crowbar machines approve {view.machine.name}"
    if view.hardware is not None and not view.machine.install_disk:
        return "has no disk that it could be installed on; see `crowbar machines show`"
    return ""


def _why_no_reset(view: MachineView) -> str:
    return "" if may(view.state, NodeState.RESET) else f"is {view.state}, and that cannot be interrupted"


def _event(store: Store, name: str, kind: str, message: str) -> None:
    store.machine_events.append([MachineEvent(name, now(), kind, OPERATOR, message)])
