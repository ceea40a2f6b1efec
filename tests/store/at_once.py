"""What several processes do to one database at once. Imports little, as each process does it anew."""

from __future__ import annotations

from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

from crowbar.catalog.model import SecretSpec
from crowbar.store.store import open_store


def open_new(url: str, key_file: Path) -> None:
    """Open the store, and close it."""
    open_store(url, key_file).close()


def ensure_secrets(url: str, key_file: Path, together: Barrier, told: Connection) -> None:
    """Once all have opened the store: ensure twenty secrets, and tell their values."""
    with open_store(url, key_file) as store:
        together.wait(30)
        refs = [store.secrets.ensure("keystone", SecretSpec(f"secret{n}", "")) for n in range(20)]
        told.send([store.secrets.value(ref) for ref in refs])


def allocate_addresses(url: str, key_file: Path, together: Barrier, told: Connection, first: int) -> None:
    """Once all have opened the store: have addresses for ten nodes, by turns with a node that all want one for."""
    with open_store(url, key_file) as store:
        together.wait(30)
        own = [store.networks.allocate("admin", f"m{n}") for n in range(first, first + 10)]
        told.send([*own, store.networks.allocate("admin", "shared")])
