"""The orders that agents fetch: at least once, so an agent can do each of them again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, case, delete, func, insert, select, update

from crowbar.store.columns import now
from crowbar.store.database import Database
from crowbar.store.machine_model import Order, OrderKind, OrderStatus
from crowbar.store.machine_tables import machines, orders

KEPT = 20  # orders of a machine
_PER_CENT = 100
_OPEN = (OrderStatus.WAITING.value, OrderStatus.RUNNING.value)


class Orders:
    """Orders by machine: at most one waits, and at most one runs."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def give(self, machine: str, kind: OrderKind, params: Mapping[str, Any]) -> Order:
        """A new order, which takes the place of one that still waits. ``params`` must hold no secrets.

        Raises LookupError if there is no such machine.
        """
        at = now()
        values = {"kind": kind.value, "params": dict(params), "status": OrderStatus.WAITING.value, "message": ""}
        with self._database.write() as connection:
            _lock(connection, machine)
            _cancel(connection, machine, (OrderStatus.WAITING.value,), "Another order was given instead.")
            row = {"machine": machine, **values, "progress": 0, "created": at, "updated": at}
            added = connection.execute(insert(orders).values(row).returning(*orders.c)).mappings().one()
            c = orders.c
            oldest = select(c.id).where(c.machine == machine).order_by(c.id.desc()).offset(KEPT).limit(1)
            finished = (c.machine == machine, c.status.not_in(_OPEN), c.id <= oldest.scalar_subquery())
            connection.execute(delete(orders).where(*finished))
        return _order(added)

    def next(self, machine: str) -> Order | None:
        """The order that the machine's agent shall carry out now, which is then running; None if there is none.

        One that runs already is handed out again: the agent was started anew, or never got the answer.
        """
        c = orders.c
        with self._database.read() as connection:  # most polls find nothing, and a writer would wait for others
            if connection.scalar(_of(machine).where(c.status.in_(_OPEN)).with_only_columns(c.id).limit(1)) is None:
                return None
        with self._database.write() as connection:
            _lock(connection, machine)
            row = connection.execute(_of(machine).where(c.status.in_(_OPEN)).limit(1)).mappings().one_or_none()
            if row is None:
                return None
            if row["status"] == OrderStatus.RUNNING:
                return _order(row)
            started = update(orders).where(c.id == row["id"]).values(status=OrderStatus.RUNNING.value, updated=now())
            return _order(connection.execute(started.returning(*c)).mappings().one())

    def report(self, id_: int, machine: str, status: OrderStatus, progress: int = 0, message: str = "") -> bool:
        """Record how the machine's agent gets on with the order. Whether the order is still wanted.

        False, and nothing is written, for another machine's order, one that is cancelled, or one that ended
        otherwise; a report that comes twice is fine. ``progress`` is in per cent, ``message`` is cut at 16 KiB.
        Raises ValueError for a status that is not an agent's to say.
        """
        if status not in (OrderStatus.RUNNING, OrderStatus.SUCCEEDED, OrderStatus.FAILED):
            raise ValueError(f"an agent cannot report {status.value!r}")
        c = orders.c
        values = {
            "status": status.value,
            "progress": _PER_CENT if status is OrderStatus.SUCCEEDED else min(max(progress, 0), _PER_CENT),
            "message": message,
            "updated": now(),
        }
        with self._database.write() as connection:
            whose = (c.id == id_, c.machine == machine)
            done = connection.execute(update(orders).where(*whose, c.status.in_(_OPEN)).values(values))
            return bool(done.rowcount) or connection.scalar(select(c.status).where(*whose)) == status

    def cancel(self, machine: str, reason: str) -> None:
        """Cancel what waits and what runs: the machine boots anew, or something else is wanted of it."""
        with self._database.write() as connection:
            _cancel(connection, machine, _OPEN, reason)

    def current(self, machine: str) -> Order | None:
        """The order that runs, else the newest one, however it ended; None if there was none yet."""
        with self._database.read() as connection:
            row = connection.execute(_of(machine).limit(1)).mappings().one_or_none()
        return None if row is None else _order(row)

    def all_current(self) -> dict[str, Order]:
        """`current` of all machines, in one query."""
        c = orders.c
        rank = func.row_number().over(partition_by=c.machine, order_by=(_runs_first(), c.id.desc())).label("rank")
        ranked = select(orders, rank).subquery()
        with self._database.read() as connection:
            rows = connection.execute(select(ranked).where(ranked.c.rank == 1)).mappings()
            return {row["machine"]: _order(row) for row in rows}

    def waiting(self) -> list[str]:
        """The machines that have an order to be fetched."""
        c = orders.c
        with self._database.read() as connection:
            return list(connection.scalars(select(c.machine).where(c.status == OrderStatus.WAITING.value)))

    def history(self, machine: str) -> list[Order]:
        """The machine's orders that are kept (twenty), the first one first."""
        query = select(orders).where(orders.c.machine == machine).order_by(orders.c.id)
        with self._database.read() as connection:
            return [_order(row) for row in connection.execute(query).mappings()]


def _runs_first() -> Any:
    return case((orders.c.status == OrderStatus.RUNNING.value, 0), else_=1)


def _of(machine: str) -> Select[Any]:
    return select(orders).where(orders.c.machine == machine).order_by(_runs_first(), orders.c.id.desc())


def _lock(connection: Connection, machine: str) -> None:
    if connection.scalar(select(machines.c.name).where(machines.c.name == machine).with_for_update()) is None:
        raise LookupError(f"there is no machine {machine!r}")


def _cancel(connection: Connection, machine: str, statuses: tuple[str, ...], reason: str) -> None:
    values = {"status": OrderStatus.CANCELLED.value, "message": reason, "updated": now()}
    connection.execute(update(orders).where(orders.c.machine == machine, orders.c.status.in_(statuses)).values(values))


def _order(row: RowMapping) -> Order:
    return Order(
        id=row["id"],
        machine=row["machine"],
        kind=OrderKind(row["kind"]),
        params=row["params"],
        status=OrderStatus(row["status"]),
        message=row["message"],
        progress=row["progress"],
        created=row["created"],
        updated=row["updated"],
    )
