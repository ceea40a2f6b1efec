"""The power of many machines at once: a BMC that does not answer holds up nobody else."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from crowbar.errors import CrowbarError, Fault, InputError
from crowbar.services.machines.control import controlled
from crowbar.store.store import Store
from crowbar_inventory.bmc.model import Power, PowerAction

_AT_ONCE = 32


@dataclass(frozen=True)
class Powered:
    """A machine's power, as its BMC said; ``problem`` is "" where it said so, and the order was carried out."""

    machine: str
    power: Power
    problem: str = ""


def power_of(store: Store, names: Sequence[str], action: PowerAction | None) -> list[Powered]:
    """Order it of all these machines and see that it is so; without an action only ask.

    Raises InputError, before any is ordered anything, with all that have no BMC.
    """
    machines = {machine.name: machine for machine in store.machines.all()}
    without = [name for name in names if name not in machines or not machines[name].bmc]
    if without:
        faults = [Fault(f"machine {name}", "has no BMC that Crowbar knows") for name in without]
        hint = "crowbar machines discover --bmc ipmi://ADDRESS --name MACHINE"
        raise InputError("The power of these machines cannot be seen or changed.", faults=faults, hint=hint)

    def one(name: str) -> Powered:
        try:
            with controlled(store, name) as bmc:
                return Powered(name, bmc.power() if action is None else bmc.set_power(action))
        except CrowbarError as error:
            return Powered(name, Power.UNKNOWN, error.message)

    with ThreadPoolExecutor(min(_AT_ONCE, len(names) or 1), thread_name_prefix="power") as pool:
        return list(pool.map(one, names))
