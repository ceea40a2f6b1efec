"""`--single-node`: the container machine as the node, from the image to the store."""
from __future__ import annotations
from crowbar.store.model import Node, NodeKind
from crowbar_inventory import probe
NAME = "node1"

_NOT_IN_A_CONTAINER = frozenset({"kvm", "device_mapper", "loop", "nfs_client"})


def estimated() -> Node:
    found = probe.facts()
    found["capabilities"] = [word for word in found["capabilities"] if word not in _NOT_IN_A_CONTAINER]
    return Node(NAME, NodeKind.CONTAINER, {"admin": "10.77.0.2"}, aliases=("node",), facts=found)
