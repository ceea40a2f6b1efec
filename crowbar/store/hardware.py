"""What machines are made of: one immutable revision for each inspection, with what the agent sent beside it."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, func, insert, select

from crowbar.errors import Fault, InputError
from crowbar.store.columns import now, to_json
from crowbar.store.database import Database
from crowbar.store.machine_tables import hardware as table
from crowbar.store.machine_tables import machines
from crowbar_inventory.codec import from_data, to_data
from crowbar_inventory.hardware import Hardware

KEPT = 5  # revisions of a machine
FACTS_LIMIT = 1024 * 1024  # bytes of JSON; a big server has 50 KiB
RAW_LIMIT = 8 * 1024 * 1024  # bytes of an inspection's raw output, uncompressed
_LEVEL = 3  # zlib's: twice as quick as its default, for a tenth more space


class HardwareRevisions:
    """Revisions by machine, the newest of which is the machine's hardware."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, name: str, hardware: Hardware, raw: Mapping[str, str]) -> int:
        """Keep an inspection's facts and raw output as the machine's newest revision, whose number is returned.

        Revisions older than the newest five go. Texts that would make ``raw`` larger than 8 MiB are left out.
        Raises LookupError if there is no such machine, InputError if the facts have more than 1 MiB.
        """
        facts = to_data(hardware)
        size = len(to_json(facts).encode())
        if size > FACTS_LIMIT:
            fault = Fault(name, f"{size} bytes of facts; {FACTS_LIMIT} are the limit")
            raise InputError("No server has so much hardware.", faults=[fault], hint="See what its agent sent.")
        row = {"machine": name, "taken": now(), "facts": facts, "raw": _compress(raw)}
        c = table.c
        with self._database.write() as connection:
            locked = select(machines.c.name).where(machines.c.name == name).with_for_update()
            if connection.scalar(locked) is None:
                raise LookupError(f"there is no machine {name!r}")
            last = connection.scalar(select(func.max(c.revision)).where(c.machine == name)) or 0
            connection.execute(insert(table).values(**row, revision=last + 1))
            connection.execute(delete(table).where(c.machine == name, c.revision <= last + 1 - KEPT))
        return last + 1

    def newest(self, name: str) -> tuple[Hardware, datetime] | None:
        """The machine's facts and when they were taken, or None before its first inspection."""
        c = table.c
        query = select(c.facts, c.taken).where(c.machine == name).order_by(c.revision.desc()).limit(1)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else (from_data(row.facts), row.taken)

    def revisions(self, name: str) -> dict[int, datetime]:
        """When each of the revisions that are kept was taken."""
        c = table.c
        query = select(c.revision, c.taken).where(c.machine == name).order_by(c.revision)
        with self._database.read() as connection:
            return {row.revision: row.taken for row in connection.execute(query)}

    def raw(self, name: str, revision: int | None = None) -> dict[str, str]:
        """What the agent sent for a revision (the newest if None), by name; nothing if there is none."""
        c = table.c
        query = select(c.raw).where(c.machine == name).order_by(c.revision.desc()).limit(1)
        with self._database.read() as connection:
            data: bytes | None = connection.scalar(query if revision is None else query.where(c.revision == revision))
        texts: dict[str, str] = {} if data is None else json.loads(zlib.decompress(data))
        return texts


def _compress(raw: Mapping[str, str]) -> bytes:
    kept: dict[str, str] = {}
    room = RAW_LIMIT
    for name, text in raw.items():
        size = len(name) + len(text.encode("utf-8", "surrogatepass"))
        if size <= room:
            kept[name] = text
            room -= size
    return zlib.compress(json.dumps(kept).encode(), _LEVEL)  # ASCII, so that even bytes that were no text come back
