"""Machines as rows, and rows as machines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypedDict

from sqlalchemy import Connection, RowMapping, delete, insert

from crowbar.store.columns import clean
from crowbar.store.machine_model import Machine, MachineView, Target
from crowbar.store.machine_tables import machine_macs
from crowbar.store.model import Health, NodeState
from crowbar_inventory.bmc.model import BootDevice, Power
from crowbar_inventory.codec import from_data
from crowbar_inventory.hardware import BootMode

_WORD_LIMIT = 256  # characters of what the hardware says of itself


class MachineFields(TypedDict, total=False):
    """What can be changed of a machine by name. Power and signs of life have methods of their own."""

    bmc: str
    identity_uuid: str
    identity_serial: str
    macs: tuple[str, ...]
    boot_mode: BootMode
    target: Target
    approved: bool
    allocated: bool
    group: str
    intended_role: str
    install_disk: str
    rack_position: str


def machine_values(machine: Machine) -> dict[str, Any]:
    """The columns of the machine's own row."""
    return {
        **field_values(
            MachineFields(
                bmc=machine.bmc,
                identity_uuid=machine.identity_uuid,
                identity_serial=machine.identity_serial,
                boot_mode=machine.boot_mode,
                target=machine.target,
                approved=machine.approved,
                allocated=machine.allocated,
                group=machine.group,
                intended_role=machine.intended_role,
                install_disk=machine.install_disk,
                rack_position=machine.rack_position,
            )
        ),
        "power": machine.power.value,
        "last_seen": machine.last_seen,
        "last_words": machine.last_words,
        "boot_device": machine.boot_device and machine.boot_device.value,
        "boot_ordered": machine.boot_ordered,
        "boots_unanswered": machine.boots_unanswered,
    }


def field_values(fields: MachineFields) -> dict[str, Any]:
    """The columns of the machine's own row for these fields; MACs are rows of their own."""
    values: dict[str, Any] = {name: value for name, value in fields.items() if name != "macs"}
    return {name: _word(value) if isinstance(value, str) else value for name, value in values.items()}


def put_macs(connection: Connection, machine: str, macs: Sequence[str]) -> None:
    """Replace the machine's MACs, each once, in this order."""
    once = dict.fromkeys(_word(mac).lower() for mac in macs)
    connection.execute(delete(machine_macs).where(machine_macs.c.machine == machine))
    if once:
        rows = [{"machine": machine, "mac": mac, "position": n} for n, mac in enumerate(once)]
        connection.execute(insert(machine_macs), rows)


def _word(text: str) -> str:
    return clean(text)[:_WORD_LIMIT]


def machine(row: RowMapping, macs: Iterable[str]) -> Machine:
    """The machine of a row that has at least the machine's columns."""
    return Machine(
        name=row["name"],
        bmc=row["bmc"],
        identity_uuid=row["identity_uuid"],
        identity_serial=row["identity_serial"],
        macs=tuple(macs),
        power=Power(row["power"]),
        boot_mode=BootMode(row["boot_mode"]),
        target=Target(row["target"]),
        approved=row["approved"],
        allocated=row["allocated"],
        group=row["group"],
        intended_role=row["intended_role"],
        install_disk=row["install_disk"],
        rack_position=row["rack_position"],
        last_seen=row["last_seen"],
        last_words=row["last_words"],
        boot_device=None if row["boot_device"] is None else BootDevice(row["boot_device"]),
        boot_ordered=row["boot_ordered"],
        boots_unanswered=row["boots_unanswered"],
    )


def view(row: RowMapping, macs: Iterable[str], aliases: Iterable[str]) -> MachineView:
    """The machine of a row that has its node's columns and its newest hardware, too."""
    addresses: Mapping[str, str] = row["addresses"]
    inspected: datetime | None = row["taken"]
    return MachineView(
        machine=machine(row, macs),
        state=NodeState(row["state"]),
        health=Health(row["health"]),
        last_error=row["last_error"],
        aliases=tuple(aliases),
        addresses=addresses,
        hardware=None if row["facts"] is None else from_data(row["facts"]),
        inspected=inspected,
        since=row["since"],
        registered=row["registered"],
    )
