"""A deployment thought through on a throwaway copy of the state: for nodes that are not there yet."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from crowbar.paths import StateDir
from crowbar.store.model import Node
from crowbar.store.store import open_store

if TYPE_CHECKING:
    from crowbar.services.context import Context


@contextlib.contextmanager
def with_nodes(context: Context, nodes: Sequence[Node]) -> Iterator[Context]:
    """The context with ``nodes`` added, in a copy that is gone when the context manager is left.

    The copy has the nodes and proposals, and nothing of what was applied: it answers for nodes that are new.
    """
    with tempfile.TemporaryDirectory(prefix="crowbar-rehearsal-") as folder:
        state = StateDir(Path(folder))
        with open_store(f"sqlite:///{state.database}", state.secret_key) as store:
            for node in (*context.store.nodes.list(), *nodes):
                store.nodes.save(node)
            for proposal in context.store.proposals.list():
                store.proposals.save(proposal)
            yield replace(context, state=state, store=store)
