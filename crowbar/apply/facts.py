"""What a node can do, asked of the node itself."""

from __future__ import annotations

from crowbar.apply.applier import transport_to
from crowbar.errors import NodeError
from crowbar.store.model import Node
from crowbar_inventory.facts import FactsError, NodeFacts, parse, probe_source

_SECONDS = 60


def gather_facts(node: Node, *, patience: float = 30) -> NodeFacts:
    """Run the probe on the node and read what it prints; for ``patience`` seconds a connection is tried again.

    Raises NodeError if the node cannot be reached, or its answer is no set of facts.
    """
    transport = transport_to(node, patience=patience)
    try:
        done = transport.run(["python3", "-I", "-S", "-"], stdin=probe_source(), timeout=_SECONDS)
    finally:
        transport.close()
    if done.status != 0:
        raise NodeError(
            f"The probe on node {node.name} ended with status {done.status}: {done.stderr[-2000:].strip()}",
            hint="crowbar shell, and look whether python3 runs there",
        )
    try:
        return parse(done.stdout)
    except FactsError as error:
        raise NodeError(
            f"Node {node.name} did not tell what it can do: {error}.", hint="crowbar shell, and look what runs there"
        ) from error
