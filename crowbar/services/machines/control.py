"""Orders to a machine's BMC, each a line of its timeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from crowbar.errors import InputError, NodeError
from crowbar.store.columns import now
from crowbar.store.machine_model import Machine, MachineEvent
from crowbar.store.store import Store
from crowbar_inventory.bmc.address import parse_address
from crowbar_inventory.bmc.connect import connect
from crowbar_inventory.bmc.model import Bmc, BmcError, BmcRefusedError, BootDevice, Power, PowerAction
from crowbar_inventory.bmc.retry import Patience, persist
from crowbar_inventory.hardware import BootMode

OPERATOR = "operator"
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class BmcPatience:
    """Seconds: for one answer, for a power order to be carried out; and how long what may pass is tried again."""

    answer: float = 15
    power: float = 30
    again: Patience = field(default_factory=Patience)


_ORDINARY = BmcPatience()


@dataclass(frozen=True)
class Controlled:
    """A machine's BMC, and whose orders it gets."""

    store: Store
    machine: Machine
    bmc: Bmc
    actor: str
    patience: BmcPatience = _ORDINARY

    def order(self, kind: str, what: str, action: Callable[[Bmc], Answer]) -> Answer:
        """Do it, with retries where those can help, and write down what came of it.

        Raises NodeError with the machine's name and what the BMC said.
        """
        try:
            answer = persist(lambda: action(self.bmc), self.patience.again)
        except BmcError as error:
            self._event(kind, f"{what}: {error}")
            raise _translated(self.machine, what, error) from error
        self._event(kind, what)
        return answer

    def power(self) -> Power:
        """Ask for the power, and remember it. Raises NodeError."""
        try:
            power = persist(self.bmc.power, self.patience.again)
        except BmcError as error:
            raise _translated(self.machine, "power", error) from error
        self.store.machines.set_power(self.machine.name, power)
        return power

    def set_power(self, action: PowerAction) -> Power:
        """Order it, wait until it is so, and remember it. Raises NodeError."""
        wait = self.patience.power
        power = self.order("bmc.power", f"power {action}", lambda bmc: bmc.set_power(action, wait=wait))
        self.store.machines.set_power(self.machine.name, power)
        return power

    def set_boot_device(self, device: BootDevice) -> None:
        """For the next boot, in the mode that the machine boots in. Raises NodeError."""
        uefi = self.machine.boot_mode is BootMode.UEFI
        self.order("bmc.boot", f"boot from {device} next", lambda bmc: bmc.set_boot_device(device, uefi=uefi))

    def _event(self, kind: str, message: str) -> None:
        self.store.machine_events.append([MachineEvent(self.machine.name, now(), kind, self.actor, message)])


@contextmanager
def controlled(
    store: Store, name: str, *, actor: str = OPERATOR, patience: BmcPatience = _ORDINARY
) -> Iterator[Controlled]:
    """The BMC of the machine of that name or alias, logged in; logged out at the end.

    Raises InputError for a machine that is not known or has no BMC, NodeError where the BMC does not let us in.
    """
    machine = known(store, name)
    credential = store.bmc_credentials.get(machine.name)
    if not machine.bmc or credential is None:
        raise InputError(
            f"Machine {machine.name} has no BMC that Crowbar knows.",
            hint=f"crowbar machines discover --bmc ipmi://ADDRESS --name {machine.name}",
        )
    try:
        address = parse_address(machine.bmc)
        bmc = persist(lambda: connect(address, credential, limit=patience.answer), patience.again)
    except BmcError as error:
        raise _translated(machine, "log in", error) from error
    try:
        yield Controlled(store, machine, bmc, actor, patience)
    finally:
        bmc.close()


def known(store: Store, name: str) -> Machine:
    """The machine of that name or alias. Raises InputError."""
    node = store.nodes.get(name)
    machine = store.machines.get(node.name if node else name)
    if machine is None:
        raise InputError(f"There is no machine {name!r}.", hint="`crowbar machines list` shows all.")
    return machine


def _translated(machine: Machine, what: str, error: BmcError) -> NodeError:
    hint = (
        f"Give the right ones: crowbar machines discover --bmc {machine.bmc} --name {machine.name} --user USER"
        if isinstance(error, BmcRefusedError)
        else f"See that it can be reached and obeys: crowbar machines power status {machine.name}"
    )
    return NodeError(f"The BMC of {machine.name} at {machine.bmc} ({what}): {error}", hint=hint)
