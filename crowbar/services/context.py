"""What every use case works on: the store and the catalog."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass

from crowbar.catalog.known import Known
from crowbar.catalog.load import load_catalog
from crowbar.catalog.model import Catalog
from crowbar.errors import EnvironmentFault, Fault
from crowbar.paths import StateDir
from crowbar.store.store import Store, open_store


@dataclass(frozen=True)
class Context:
    """The open store, the barclamps that work, and what is wrong with those that do not."""

    state: StateDir
    store: Store
    catalog: Catalog
    catalog_faults: tuple[Fault, ...] = ()


@contextlib.contextmanager
def open_context(state: StateDir) -> Iterator[Context]:
    """Open the store (`$CROWBAR_DATABASE`, an SQLAlchemy URL, else the embedded one in ``state``) and the catalog.

    Raises EnvironmentFault when the store cannot be opened.
    """
    known = Known(state.schemas)
    catalog, faults = load_catalog(known=known)
    try:
        state.root.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentFault(
            f"The state folder {state.root} cannot be made: {error.strerror}.",
            hint="Run crowbar as root, or name another folder with --state-dir.",
        ) from error
    known.save()
    url = os.environ.get("CROWBAR_DATABASE") or f"sqlite:///{state.database}"
    with open_store(url, state.secret_key) as store:
        yield Context(state, store, catalog, tuple(faults))
