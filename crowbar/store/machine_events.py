"""The timelines: append-only lines of what machines did and what was done to them, the oldest of which go."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, insert, or_, select

from crowbar.store.columns import clean, limited, shorten
from crowbar.store.database import Database
from crowbar.store.machine_model import MachineEvent
from crowbar.store.machine_tables import machine_events

# Anyone in the network can cause events, and invent MACs: each timeline is bounded, and so is what belongs to none.
KEPT_PER_MACHINE = 1000
KEPT_PER_MAC = 200
KEPT_WITHOUT_MACHINE = 20_000
_MESSAGE_LIMIT = 4096  # bytes
_WORD_LIMIT = 64


class MachineEvents:
    """Events of machines, and of MACs that no machine is known for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, events: Sequence[MachineEvent]) -> None:
        """Write the events, in one transaction, and drop the oldest ones of machines that have too many.

        Their ``id`` is given by the database. Messages are cut at 4 KiB; data of more than 16 KiB is dropped.
        """
        if events:
            with self._database.write() as connection:
                append_events(connection, events)

    def timeline(self, machine: str, macs: Iterable[str] = (), *, limit: int = KEPT_PER_MACHINE) -> list[MachineEvent]:
        """The newest ``limit`` events of the machine and of its MACs before they were known as its own, in order.

        Order is by the time at which things happened: dnsmasq's log, for one, is read a little later.
        """
        c = machine_events.c
        of_macs = and_(c.machine == "", c.mac.in_([clean(mac).lower() for mac in macs]))
        query = select(machine_events).where(or_(c.machine == machine, of_macs)).order_by(c.id.desc()).limit(limit)
        with self._database.read() as connection:
            found = [_event(row) for row in connection.execute(query).mappings()]
        return sorted(found, key=lambda event: (event.at, event.id))

    def newest(self, machine: str, kinds: Sequence[str] = ()) -> MachineEvent | None:
        """The machine's last event (of one of ``kinds``, if given): what was last seen of it."""
        c = machine_events.c
        query = select(machine_events).where(c.machine == machine).order_by(c.id.desc()).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query.where(c.kind.in_(kinds)) if kinds else query).mappings().one_or_none()
        return None if row is None else _event(row)


def append_events(connection: Connection, events: Sequence[MachineEvent]) -> None:
    """Write the events within a transaction that changes what they tell of."""
    rows = [_values(event) for event in events]
    connection.execute(insert(machine_events), rows)
    c = machine_events.c
    for machine in {row["machine"] for row in rows} - {""}:
        _prune(connection, c.machine == machine, KEPT_PER_MACHINE)
    without = {row["mac"] for row in rows if not row["machine"]}
    for mac in without:
        _prune(connection, and_(c.machine == "", c.mac == mac), KEPT_PER_MAC)
    if without:
        _prune(connection, c.machine == "", KEPT_WITHOUT_MACHINE)


def forget_events(connection: Connection, machine: str, macs: Sequence[str]) -> None:
    """Remove the timeline of a machine that is deleted."""
    c = machine_events.c
    of_macs = and_(c.machine == "", c.mac.in_(macs))
    connection.execute(delete(machine_events).where(or_(c.machine == machine, of_macs)))


def _prune(connection: Connection, whose: ColumnElement[bool], kept: int) -> None:
    c = machine_events.c
    oldest = connection.scalar(select(c.id).where(whose).order_by(c.id.desc()).offset(kept).limit(1))
    if oldest is not None:
        connection.execute(delete(machine_events).where(whose, c.id <= oldest))


def _values(event: MachineEvent) -> dict[str, Any]:
    mac = event.data.get("mac", "")
    return {
        "machine": event.machine,
        "mac": _word(mac).lower() if isinstance(mac, str) else "",
        "at": event.at,
        "kind": _word(event.kind),
        "actor": _word(event.actor),
        "message": shorten(clean(event.message), _MESSAGE_LIMIT),
        "data": limited(event.data),
    }


def _word(text: str) -> str:
    return clean(text)[:_WORD_LIMIT]


def _event(row: RowMapping) -> MachineEvent:
    data: Mapping[str, Any] = row["data"]
    return MachineEvent(row["machine"], row["at"], row["kind"], row["actor"], row["message"], data, row["id"])
