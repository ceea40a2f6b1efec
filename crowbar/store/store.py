"""The store: all that Crowbar remembers, behind one object."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import select

from crowbar.store import tables as t
from crowbar.store.applied import AppliedRoles
from crowbar.store.bmc_credentials import BmcCredentials
from crowbar.store.boots import Boots
from crowbar.store.database import Database, insert_if_missing
from crowbar.store.deployments import Deployments
from crowbar.store.events import Events
from crowbar.store.foreseen import ForeseenApplied, ForeseenNetworks, ForeseenNodes
from crowbar.store.hardware import HardwareRevisions
from crowbar.store.machine_events import MachineEvents
from crowbar.store.machine_model import Network
from crowbar.store.machines import Machines
from crowbar.store.model import Node
from crowbar.store.networks import Networks
from crowbar.store.nodes import Nodes
from crowbar.store.orders import Orders
from crowbar.store.proposals import Proposals
from crowbar.store.published import PublishedFacts, Publisher
from crowbar.store.schema import migrate
from crowbar.store.secrets import Secrets
from crowbar.store.vault import Vault, create_key, load_key


class Store:
    """One part for each kind of thing; each of their methods is one transaction, and any thread may call it."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault
        self.nodes: Nodes = Nodes(database)
        self.proposals = Proposals(database)
        self.deployments = Deployments(database, Publisher(vault))
        self.applied: AppliedRoles = AppliedRoles(database)
        self.events = Events(database)
        self.published = PublishedFacts(database, vault)
        self.secrets = Secrets(database, vault)
        self.machines = Machines(database)
        self.bmc_credentials = BmcCredentials(database, vault)
        self.hardware = HardwareRevisions(database)
        self.boots = Boots(database)
        self.orders = Orders(database)
        self.machine_events = MachineEvents(database)
        self.networks: Networks = Networks(database)

    def foreseeing(self, nodes: Sequence[Node], networks: Sequence[Network] = ()) -> Store:
        """The store as it will be with these nodes, installed and with nothing applied, and these networks.

        Not to be closed.
        """
        other = Store(self._database, self._vault)
        other.nodes = ForeseenNodes(self._database, nodes)
        other.applied = ForeseenApplied(self._database, nodes)
        other.networks = ForeseenNetworks(self._database, networks)
        return other

    def close(self) -> None:
        """Close all connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def open_store(url: str, key_file: Path) -> Store:
    """The store at ``url`` (sqlite:////path or postgresql://…), made or migrated to this program's schema.

    The key that encrypts secrets is in ``key_file``, made (mode 0600, a new folder 0700) with a new database.
    Raises EnvironmentFault if the database cannot be used, was made by a newer Crowbar, or the key is not its own.
    """
    database = Database(url)
    try:
        migrate(database)
        return Store(database, _unlock(database, key_file))
    except BaseException:
        database.close()
        raise


def _unlock(database: Database, key_file: Path) -> Vault:
    query = select(t.key_check.c.value)
    with database.read() as connection:
        token: bytes | None = connection.scalar(query)
    if token is None:  # a new database; one with secrets never gets a new key
        create_key(key_file)
        vault = load_key(key_file)
        with database.write() as connection:
            insert_if_missing(connection, t.key_check, {"id": 1, "value": vault.encrypt(b"crowbar")})
            token = connection.scalar(query)
    vault = load_key(key_file)
    vault.decrypt(token or b"")
    return vault
