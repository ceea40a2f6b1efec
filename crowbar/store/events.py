"""The events: append-only lines of what happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select

from crowbar.store import tables as t
from crowbar.store.columns import limited
from crowbar.store.database import Database
from crowbar.store.model import Event


class Events:
    """Events of all deployments, in the order they were written in."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, events: Sequence[Event]) -> None:
        """Write the events, in one transaction. Their ``id`` is given by the database.

        Messages are cut at 16 KiB, and data of more than that is dropped: both come from nodes.
        """
        rows = [_values(event) for event in events]
        if rows:
            with self._database.write() as connection:
                connection.execute(insert(t.events), rows)

    def read(self, deployment: int, *, step: int | None = None, after: int = 0, limit: int = 1000) -> list[Event]:
        """At most ``limit`` events of a deployment (of one step of it) with an id above ``after``, in order."""
        c = t.events.c
        query = select(t.events).where(c.deployment == deployment, c.id > after).order_by(c.id).limit(limit)
        if step is not None:
            query = query.where(c.step == step)
        with self._database.read() as connection:
            return [Event(**row) for row in connection.execute(query).mappings()]


def _values(event: Event) -> dict[str, Any]:
    return {
        "deployment": event.deployment,
        "step": event.step,
        "at": event.at,
        "kind": event.kind,
        "message": event.message,
        "data": limited(event.data),
    }
