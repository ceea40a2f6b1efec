"""Secrets: generated once, encrypted at rest, known to everything else by reference."""

from __future__ import annotations

import string
from secrets import choice, token_hex

from cryptography.fernet import Fernet
from sqlalchemy import ColumnElement, Connection, select

from crowbar.catalog.model import SecretKind, SecretRef, SecretSpec
from crowbar.store import tables as t
from crowbar.store.bmc_credentials import bmc_passwords
from crowbar.store.columns import now
from crowbar.store.database import Database, insert_if_missing
from crowbar.store.vault import Vault

_ALPHABET = string.ascii_letters + string.digits  # safe in URLs, INI files and shells


def generate(kind: SecretKind, length: int) -> str:
    """A new random value. ``length`` is in characters; a Fernet key has its own."""
    match kind:
        case SecretKind.PASSWORD:
            return "".join(choice(_ALPHABET) for _ in range(length))
        case SecretKind.HEX:
            return token_hex((length + 1) // 2)[:length]
        case SecretKind.FERNET:
            return Fernet.generate_key().decode()


class Secrets:
    """Secrets by owner (the barclamp) and name."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def ensure(self, owner: str, spec: SecretSpec) -> SecretRef:
        """The reference of the owner's secret, whose value is generated now if there is none.

        Any number of processes may ask at once; all get the same.
        """
        with self._database.read() as connection:
            newest = _newest(connection, owner, spec.name)
        if newest is not None:
            return newest
        return self._generate(SecretRef(owner, spec.name, 1), spec.kind, spec.length)

    def rotate(self, ref: SecretRef) -> SecretRef:
        """The reference of the version after ``ref``, generated now if there is none. The old value stays readable.

        Raises LookupError if there is no such secret.
        """
        query = select(t.secrets.c.kind, t.secrets.c.length).where(*_is(ref))
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            raise LookupError(f"there is no secret {ref} of version {ref.version}")
        return self._generate(SecretRef(ref.owner, ref.name, ref.version + 1), SecretKind(row.kind), row.length)

    def value(self, ref: SecretRef) -> str:
        """The secret itself.

        Raises LookupError if there is no such secret.
        """
        with self._database.read() as connection:
            token: bytes | None = connection.scalar(select(t.secrets.c.value).where(*_is(ref)))
        if token is None:
            raise LookupError(f"there is no secret {ref} of version {ref.version}")
        return self._vault.decrypt(token).decode()

    def refs(self) -> list[SecretRef]:
        """The newest version of every secret, by owner and name."""
        c = t.secrets.c
        with self._database.read() as connection:
            rows = connection.execute(select(c.owner, c.name, c.version).order_by(c.owner, c.name, c.version))
            newest = {(row.owner, row.name): SecretRef(row.owner, row.name, row.version) for row in rows}
        return list(newest.values())

    def values(self) -> list[str]:
        """Every value, old versions and BMCs' passwords too: what must be struck out of anything shown or kept."""
        with self._database.read() as connection:
            tokens = connection.scalars(select(t.secrets.c.value)).all()
            of_bmcs = bmc_passwords(connection, self._vault)
        return [*(self._vault.decrypt(token).decode() for token in tokens), *of_bmcs]

    def _generate(self, ref: SecretRef, kind: SecretKind, length: int) -> SecretRef:
        value = self._vault.encrypt(generate(kind, length).encode())
        key = {"owner": ref.owner, "name": ref.name, "version": ref.version}
        row = {**key, "kind": kind.value, "length": length, "value": value, "created": now()}
        with self._database.write() as connection:
            insert_if_missing(connection, t.secrets, row)
        return ref


def _is(ref: SecretRef) -> tuple[ColumnElement[bool], ...]:
    c = t.secrets.c
    return c.owner == ref.owner, c.name == ref.name, c.version == ref.version


def _newest(connection: Connection, owner: str, name: str) -> SecretRef | None:
    c = t.secrets.c
    query = select(c.version).where(c.owner == owner, c.name == name).order_by(c.version.desc()).limit(1)
    version: int | None = connection.scalar(query)
    return None if version is None else SecretRef(owner, name, version)
