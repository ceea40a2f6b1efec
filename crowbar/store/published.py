"""Facts that roles published while they ran, encrypted: some of them are keys."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, select

from crowbar.store import tables as t
from crowbar.store.database import Database, upsert
from crowbar.store.vault import Vault


class Publisher:
    """Writes published facts within the transaction that finishes their step."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def publish(self, connection: Connection, barclamp: str, facts: Mapping[str, bytes]) -> None:
        """Keep ``facts`` (name -> value) of the barclamp, in place of older ones of the same names."""
        for name, value in facts.items():
            row = {"value": self._vault.encrypt(value), "digest": self._vault.digest(value)}
            upsert(connection, t.published, {"barclamp": barclamp, "name": name, **row})


class PublishedFacts:
    """Published facts by barclamp and name."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def get(self, barclamp: str, name: str) -> bytes | None:
        """The fact's value, or None if it was never published."""
        query = select(t.published.c.value).filter_by(barclamp=barclamp, name=name)
        with self._database.read() as connection:
            token: bytes | None = connection.scalar(query)
        return None if token is None else self._vault.decrypt(token)

    def digests(self) -> dict[tuple[str, str], str]:
        """(barclamp, name) -> a digest that changes when the value does, and tells nothing of it."""
        c = t.published.c
        with self._database.read() as connection:
            rows = connection.execute(select(c.barclamp, c.name, c.digest).order_by(c.barclamp, c.name))
            return {(row.barclamp, row.name): row.digest for row in rows}
