"""A server known by its BMC alone, and one that booted, turn out to be the same: its own BMC tells, from inside."""

from __future__ import annotations

from crowbar.store.columns import now
from crowbar.store.machine_model import Machine, MachineEvent
from crowbar.store.store import Store
from crowbar_inventory.bmc.address import AddressError, parse_address
from crowbar_inventory.hardware import Hardware


def join_bmc(store: Store, name: str, hardware: Hardware) -> None:
    """Make one machine of the two: the one that booted gets the other's BMC, wishes and names, and the other is gone.

    Only one that was never inspected is joined: a machine that has hardware of its own is another one, whatever this
    one says of its BMC.
    """
    machine = store.machines.get(name)
    address = hardware.bmc.address if hardware.bmc else ""
    if machine is None or not address or machine.bmc:
        return
    for view in store.machines.list(hardware=False):
        other = view.machine
        if other.name != name and view.inspected is None and _host(other) == address:
            _join(store, machine, other, view.aliases)
            return
    words = f"its BMC is at {address}: `crowbar machines discover --bmc ipmi://{address}` lets Crowbar use it"
    store.machine_events.append([MachineEvent(name, now(), "bmc.found", "agent", words)])


def _join(store: Store, machine: Machine, other: Machine, aliases: tuple[str, ...]) -> None:
    credential = store.bmc_credentials.get(other.name)
    store.machines.delete(other.name)
    if credential is not None:
        store.bmc_credentials.put(machine.name, credential)
    store.machines.update(
        machine.name,
        bmc=other.bmc,
        target=other.target,
        group=machine.group or other.group,
        intended_role=machine.intended_role or other.intended_role,
        rack_position=machine.rack_position or other.rack_position,
    )
    for alias in (other.name, *aliases):
        store.machines.add_alias(machine.name, alias)
    words = f"is what was known as {other.name}: its BMC is at {other.bmc}"
    store.machine_events.append([MachineEvent(machine.name, now(), "machine.joined", "crowbar", words)])


def _host(machine: Machine) -> str:
    try:
        return parse_address(machine.bmc).host
    except AddressError:
        return ""
