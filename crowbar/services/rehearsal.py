"""What a deployment would do with nodes that are not there yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from crowbar.store.model import Node

if TYPE_CHECKING:
    from crowbar.services.context import Context
    from crowbar.store.machine_model import Network


def with_nodes(context: Context, nodes: Sequence[Node], networks: Sequence[Network] = ()) -> Context:
    """The context with these, which are new or in place of those of their names; none of it is written."""
    return replace(context, store=context.store.foreseeing(nodes, networks)) if nodes or networks else context
