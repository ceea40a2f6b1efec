"""What last succeeded for each role on each node: what the plan knows of the nodes."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, select, update

from crowbar.store import tables as t
from crowbar.store.database import Database, insert_if_missing, upsert
from crowbar.store.model import Applied

AppliedList = list[Applied]  # inside the class, `list` is its method


class AppliedRoles:
    """The applied roles by step key. They are written only with the steps that apply them.

    One whose identity is empty was begun and has not succeeded since: what its node holds of it is not known.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def list(self) -> AppliedList:
        """All of them, by key."""
        with self._database.read() as connection:
            rows = connection.execute(select(t.applied).order_by(t.applied.c.key)).mappings()
            return [Applied(**row) for row in rows]

    def get(self, key: str) -> Applied | None:
        """One of them; None if there is none."""
        with self._database.read() as connection:
            row = connection.execute(select(t.applied).where(t.applied.c.key == key)).mappings().one_or_none()
        return Applied(**row) if row else None

    def forget(self, key: str) -> None:
        """Forget one: the step runs again the next time."""
        with self._database.write() as connection:
            connection.execute(delete(t.applied).where(t.applied.c.key == key))

    def forget_node(self, node: str) -> None:
        """Forget all of a node that is gone or was installed anew."""
        with self._database.write() as connection:
            connection.execute(delete(t.applied).where(t.applied.c.node == node))


def save_applied(connection: Connection, applied: Applied) -> None:
    """Record ``applied`` within the transaction that finishes its step."""
    upsert(connection, t.applied, _values(applied))


def taint_applied(connection: Connection, applied: Applied) -> None:
    """Take the identity from what was applied, or record ``applied`` (without one) if nothing was.

    Within the transaction that starts a step. The inputs stay, so that a plan can tell what has changed since.
    """
    insert_if_missing(connection, t.applied, _values(applied))
    connection.execute(update(t.applied).where(t.applied.c.key == applied.key).values(identity=""))


def _values(applied: Applied) -> dict[str, Any]:
    return {
        "key": applied.key,
        "barclamp": applied.barclamp,
        "role": applied.role,
        "node": applied.node,
        "identity": applied.identity,
        "inputs": dict(applied.inputs),
    }
