"""How to log in to BMCs: encrypted at rest, and in no event, log or listing."""

from __future__ import annotations

import json

from sqlalchemy import Connection, select

from crowbar.store.database import Database, upsert
from crowbar.store.machine_tables import bmc_credentials, machines
from crowbar.store.vault import Vault
from crowbar_inventory.bmc.model import Credential


class BmcCredentials:
    """Users and passwords by machine. They go with it."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    def put(self, name: str, credential: Credential) -> None:
        """Keep the credential of the machine's BMC in place of an older one.

        Raises LookupError if there is no such machine.
        """
        text = json.dumps({"username": credential.username, "password": credential.password})
        row = {"machine": name, "value": self._vault.encrypt(text.encode())}
        with self._database.write() as connection:
            if connection.scalar(select(machines.c.name).where(machines.c.name == name)) is None:
                raise LookupError(f"there is no machine {name!r}")
            upsert(connection, bmc_credentials, row)

    def get(self, name: str) -> Credential | None:
        """The credential of the machine's BMC, or None if none was given."""
        query = select(bmc_credentials.c.value).where(bmc_credentials.c.machine == name)
        with self._database.read() as connection:
            token: bytes | None = connection.scalar(query)
        return None if token is None else _decrypt(self._vault, token)

    def all(self) -> dict[str, Credential]:
        """Every machine's credential, by its name: for surveys of the whole rack."""
        with self._database.read() as connection:
            rows = connection.execute(select(bmc_credentials)).all()
        return {row.machine: _decrypt(self._vault, row.value) for row in rows}


def bmc_passwords(connection: Connection, vault: Vault) -> list[str]:
    """Every password, each once."""
    tokens = connection.scalars(select(bmc_credentials.c.value)).all()
    return sorted({_decrypt(vault, token).password for token in tokens} - {""})


def _decrypt(vault: Vault, token: bytes) -> Credential:
    return Credential(**json.loads(vault.decrypt(token)))
