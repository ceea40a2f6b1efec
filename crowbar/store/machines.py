"""The machines: servers with what is known of them before and beside their life as nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Unpack

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    delete,
    func,
    insert,
    null,
    or_,
    select,
    type_coerce,
    update,
)

from crowbar.errors import Fault, InputError
from crowbar.store import machine_tables as m
from crowbar.store import tables as t
from crowbar.store.columns import UtcTime, clean, now, shorten
from crowbar.store.database import Database, insert_if_missing
from crowbar.store.database import insert as insert_for
from crowbar.store.machine_events import append_events, forget_events
from crowbar.store.machine_model import Machine, MachineEvent, MachineView
from crowbar.store.machine_rows import MachineFields, field_values, machine, machine_values, put_macs, view
from crowbar.store.model import Health, Node, NodeKind, NodeState
from crowbar.store.nodes import check_names, node_values
from crowbar_inventory.bmc.model import BootDevice, Power
from crowbar_inventory.hardware import Identity

MachineList = list[Machine]  # inside the class, `list` is its method
ViewList = list[MachineView]
_LIVE = frozenset(("name", "since", "power", "last_seen", "last_words"))
_LIVE |= {"boot_device", "boot_ordered", "boots_unanswered"}
_WORDS_SEEN = 1024  # bytes


class Machines:
    """Machines by their nodes' names. A method that changes one raises LookupError if there is none of that name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, machine: Machine) -> None:
        """Insert the machine, with a node in state `discovering` if it has none; or replace what is known of it.

        Power, boots and signs of life of a machine that there is stay: they have methods of their own. To change one
        thing of a machine that others change too, use `update`.
        Raises InputError if the name already means a node that is no machine, or is another's alias.
        """
        node = Node(machine.name, NodeKind.MACHINE, {}, state=NodeState.DISCOVERING)
        values = {"name": machine.name, **machine_values(machine), "since": now()}
        with self._database.write() as connection:
            check_names(connection, node)
            insert_if_missing(connection, t.nodes, node_values(node))
            _check_kind(connection, machine.name)
            statement = insert_for(connection.dialect.name, m.machines).values(values)
            own = {name: statement.excluded[name] for name in values if name not in _LIVE}
            connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=own))
            put_macs(connection, machine.name, machine.macs)

    def get(self, name: str) -> Machine | None:
        """The machine of that name, else of that alias, else None."""
        found = self._machines(_means(name))
        return found[0] if found else None

    def by_mac(self, mac: str) -> MachineList:
        """The machines that have an interface of that MAC: one, unless it was moved from one to another."""
        names = select(m.machine_macs.c.machine).where(m.machine_macs.c.mac == clean(mac).lower())
        return self._machines(m.machines.c.name.in_(names))

    def identities(self, like: Identity | None = None) -> dict[str, Identity]:
        """What machines are known by: all of them, or only those that share UUID, serial or a MAC with ``like``."""
        found = self._machines(None if like is None else _like(like))
        return {one.name: Identity(one.identity_uuid, one.identity_serial, frozenset(one.macs)) for one in found}

    def all(self) -> MachineList:
        """All machines, by name, without their hardware: quicker than `list`."""
        return self._machines(None)

    def list(self, *, hardware: bool = True) -> ViewList:
        """All machines, by name, with their newest hardware; without it where only when it was taken is of interest.

        A thousand machines' hardware takes half a second to read, the rest a twentieth of that.
        """
        return self._views(None, hardware=hardware)

    def view(self, name: str, *, hardware: bool = True) -> MachineView | None:
        """The machine of that name or alias with its newest hardware (or without, as in `list`), or None."""
        found = self._views(_means(name), hardware=hardware)
        return found[0] if found else None

    def delete(self, name: str) -> bool:
        """Forget the machine and all that belongs to it, its node and addresses too. False if there is none."""
        with self._database.write() as connection:
            macs = connection.scalars(select(m.machine_macs.c.mac).where(m.machine_macs.c.machine == name)).all()
            is_machine = t.nodes.c.name.in_(select(m.machines.c.name).where(m.machines.c.name == name))
            gone = connection.execute(delete(t.nodes).where(is_machine)).rowcount
            if gone:
                forget_events(connection, name, macs)
        return bool(gone)

    def move(self, name: str, to: NodeState, *, actor: str, reason: str, expected: NodeState | None = None) -> bool:
        """Bring the machine's node into a state, and write the event `state.changed`, both or neither.

        False, and nothing is written, if the node is in another state than ``expected`` (when given) or is there
        already. Whether the move is a good one is the caller's business: ``crowbar.engine.lifecycle`` knows.
        """
        with self._database.write() as connection:
            node = _node(connection, name)
            if node["state"] == to or expected not in (None, node["state"]):
                return False
            connection.execute(update(t.nodes).where(t.nodes.c.name == name).values(state=to.value))
            connection.execute(update(m.machines).where(m.machines.c.name == name).values(since=now()))
            data = {"from": node["state"], "to": to.value}
            _tell(connection, name, "state.changed", actor, f"{node['state']} -> {to.value}: {reason}", data)
        return True

    def set_health(self, name: str, health: Health, last_error: str = "", actor: str = "crowbar") -> bool:
        """Record what is wrong with the machine, with an event if that is new. Whether it was."""
        with self._database.write() as connection:
            node = _node(connection, name)
            if (node["health"], node["last_error"]) == (health.value, shorten(clean(last_error))):
                return False
            values = {"health": health.value, "last_error": last_error}
            connection.execute(update(t.nodes).where(t.nodes.c.name == name).values(values))
            data = {"from": node["health"], "to": health.value}
            _tell(connection, name, "health.changed", actor, last_error or health.value, data)
        return True

    def set_power(self, name: str, power: Power, actor: str = "bmc") -> bool:
        """Record the machine's power, with an event if it changed. Whether it did."""
        return name in self.set_powers({name: power}, actor)

    def set_powers(self, powers: Mapping[str, Power], actor: str = "bmc") -> set[str]:
        """Record the power of many machines in one transaction; those whose power changed. Unknown names are left."""
        c = m.machines.c
        query = select(c.name, c.power).where(c.name.in_(sorted(powers))).order_by(c.name).with_for_update()
        at = now()
        with self._database.write() as connection:
            before = {row.name: row.power for row in connection.execute(query)}
            changed = {name for name, power in before.items() if power != powers[name]}
            for power in {powers[name] for name in changed}:
                so = [name for name in changed if powers[name] is power]
                connection.execute(update(m.machines).where(c.name.in_(so)).values(power=power.value))
                events = [
                    MachineEvent(
                        name, at, "power.changed", actor, f"The power is {power.value}.", {"from": before[name]}
                    )
                    for name in sorted(so)
                ]
                append_events(connection, events)
        return changed

    def seen(self, name: str, words: str) -> None:
        """Record a sign of life of the machine's agent, and what it said."""
        words = shorten(clean(words), _WORDS_SEEN)
        self._update(name, {"last_seen": now(), "last_words": words, "boots_unanswered": 0})

    def boot_ordered(self, name: str, device: BootDevice, at: datetime | None = None) -> None:
        """Record that the machine was made to boot from there: it takes its time, and is left alone.

        ``at`` is when its BMC was asked to (default: just now), which may be a while before the BMC's answer.
        """
        unanswered = m.machines.c.boots_unanswered + 1
        self._update(name, {"boot_device": device.value, "boot_ordered": at or now(), "boots_unanswered": unanswered})

    def update(self, name: str, **fields: Unpack[MachineFields]) -> None:
        """Change these fields of the machine, and leave the others."""
        self._update(name, field_values(fields), fields.get("macs"))

    def set_aliases(self, name: str, aliases: Sequence[str]) -> None:
        """Replace the names by which the machine is known besides its own.

        Raises InputError if one already means another node.
        """
        rows = [{"alias": alias, "node": name, "position": n} for n, alias in enumerate(dict.fromkeys(aliases))]
        with self._database.write() as connection:
            _node(connection, name)
            check_names(connection, Node(name, NodeKind.MACHINE, {}, aliases=tuple(aliases)))
            connection.execute(delete(t.node_aliases).where(t.node_aliases.c.node == name))
            if rows:
                connection.execute(insert(t.node_aliases), rows)

    def add_alias(self, name: str, alias: str) -> None:
        """Let the machine be known by one more name.

        Raises InputError if it already means another node.
        """
        with self._database.write() as connection:
            _node(connection, name)
            check_names(connection, Node(name, NodeKind.MACHINE, {}, aliases=(alias,)))
            taken = connection.scalar(select(func.max(t.node_aliases.c.position)).where(t.node_aliases.c.node == name))
            row = {"alias": alias, "node": name, "position": 0 if taken is None else taken + 1}
            insert_if_missing(connection, t.node_aliases, row)

    def pin(self, name: str, host_key: str, ssh_key: str = "") -> None:
        """Record the SSH host key that the installer puts in, and (if given) the path of the private key for it."""
        values = {"host_key": host_key, **({"ssh_key": ssh_key} if ssh_key else {})}
        with self._database.write() as connection:
            _node(connection, name)
            connection.execute(update(t.nodes).where(t.nodes.c.name == name).values(values))

    def _update(self, name: str, values: Mapping[str, Any], macs: Sequence[str] | None = None) -> None:
        with self._database.write() as connection:
            _node(connection, name)
            if values:
                connection.execute(update(m.machines).where(m.machines.c.name == name).values(values))
            if macs is not None:
                put_macs(connection, name, macs)

    def _machines(self, where: ColumnElement[bool] | None) -> MachineList:
        query = select(m.machines).order_by(m.machines.c.name)
        with self._database.read() as connection:
            rows = connection.execute(query if where is None else query.where(where)).mappings().all()
            macs = _macs(connection, None if where is None else rows)
        return [machine(row, macs[row["name"]]) for row in rows]

    def _views(self, where: ColumnElement[bool] | None, *, hardware: bool = True) -> ViewList:
        h = m.hardware
        newest = select(h.c.revision).where(h.c.machine == m.machines.c.name).order_by(h.c.revision.desc()).limit(1)
        is_newest = (h.c.machine == m.machines.c.name) & (
            h.c.revision == newest.correlate(m.machines).scalar_subquery()
        )
        let_in = select(func.max(m.boots.c.used)).where(m.boots.c.machine == m.machines.c.name)
        registered = type_coerce(let_in.correlate(m.machines).scalar_subquery(), UtcTime).label("registered")
        of_node = (t.nodes.c.addresses, t.nodes.c.state, t.nodes.c.health, t.nodes.c.last_error)
        query = (
            select(m.machines, *of_node, registered, h.c.taken, h.c.facts if hardware else null().label("facts"))
            .join(t.nodes, t.nodes.c.name == m.machines.c.name)
            .outerjoin(h, is_newest)
            .order_by(m.machines.c.name)
        )
        with self._database.read() as connection:
            rows = connection.execute(query if where is None else query.where(where)).mappings().all()
            some = None if where is None else rows
            macs, aliases = _macs(connection, some), _aliases(connection, some)
        return [view(row, macs[row["name"]], aliases[row["name"]]) for row in rows]


def _means(given: str) -> ColumnElement[bool]:
    name = clean(given)
    by_alias = select(t.node_aliases.c.node).where(t.node_aliases.c.alias == name).scalar_subquery()
    return or_(m.machines.c.name == name, m.machines.c.name == by_alias)


def _like(identity: Identity) -> ColumnElement[bool]:
    c = m.machines.c
    by_mac = select(m.machine_macs.c.machine).where(
        m.machine_macs.c.mac.in_(sorted(clean(mac) for mac in identity.macs))
    )
    wanted: list[ColumnElement[bool]] = [c.name.in_(by_mac)]
    if identity.uuid:
        wanted.append(c.identity_uuid == clean(identity.uuid))
    if identity.serial:
        wanted.append(c.identity_serial == clean(identity.serial))
    return or_(*wanted)


def _node(connection: Connection, name: str) -> RowMapping:
    """The standing of the machine's node, which nobody else changes before this transaction is over."""
    query = select(t.nodes.c.state, t.nodes.c.health, t.nodes.c.last_error).join(m.machines)
    found = connection.execute(query.where(t.nodes.c.name == name).with_for_update(of=t.nodes))
    row = found.mappings().one_or_none()
    if row is None:
        raise LookupError(f"there is no machine {name!r}")
    return row


def _check_kind(connection: Connection, name: str) -> None:
    kind = connection.scalar(select(t.nodes.c.kind).where(t.nodes.c.name == name))
    if kind != NodeKind.MACHINE:
        fault = Fault(name, f"already means a node of kind {kind}")
        raise InputError(f"Machine {name!r} cannot be saved.", hint="Choose another name.", faults=[fault])


def _tell(connection: Connection, name: str, kind: str, actor: str, message: str, data: Mapping[str, Any]) -> None:
    append_events(connection, [MachineEvent(name, now(), kind, actor, message, data)])


def _macs(connection: Connection, rows: Sequence[RowMapping] | None) -> Mapping[str, Sequence[str]]:
    c = m.machine_macs.c
    query = select(c.machine, c.mac).order_by(c.position)
    return _grouped(connection.execute(query if rows is None else query.where(c.machine.in_(_names(rows)))))


def _aliases(connection: Connection, rows: Sequence[RowMapping] | None) -> Mapping[str, Sequence[str]]:
    c = t.node_aliases.c
    query = select(c.node, c.alias).order_by(c.position)
    return _grouped(connection.execute(query if rows is None else query.where(c.node.in_(_names(rows)))))


def _names(rows: Sequence[RowMapping]) -> Sequence[str]:
    return [row["name"] for row in rows]


def _grouped(pairs: Any) -> Mapping[str, Sequence[str]]:
    of: dict[str, list[str]] = defaultdict(list)
    for owner, value in pairs:
        of[owner].append(value)
    return of
