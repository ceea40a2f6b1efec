"""Nodes are found by name and alias, and no name means two of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from crowbar.errors import InputError
from crowbar.store.model import Health, Node, NodeKind, NodeState
from crowbar.store.store import Store

NODE = Node(
    name="node1",
    kind=NodeKind.CONTAINER,
    addresses={"admin": "192.0.2.1", "public": "192.0.2.2"},
    aliases=("controller", "a-first"),
    ssh_key="/keys/id",
    host_key="ssh-ed25519 AAAA",
    facts={"cpus": 2, "capabilities": ["tun", "loop"]},
)


def test_a_node_comes_back_as_it_was_saved(store: Store) -> None:
    store.nodes.save(NODE)
    assert store.nodes.get("node1") == NODE
    assert store.nodes.get("controller") == NODE
    assert store.nodes.get("a-first") == NODE
    assert store.nodes.get("node2") is None


def test_saving_again_replaces(store: Store) -> None:
    store.nodes.save(NODE)
    changed = replace(NODE, aliases=("a-first",), addresses={"admin": "192.0.2.9"}, state=NodeState.READY)
    store.nodes.save(changed)
    assert store.nodes.list() == [changed]
    assert store.nodes.get("controller") is None


def test_nodes_are_listed_by_name(store: Store) -> None:
    nodes = [replace(NODE, name=name, aliases=(f"{name}-alias",)) for name in ("c", "a", "b")]
    for node in nodes:
        store.nodes.save(node)
    assert store.nodes.list() == sorted(nodes, key=lambda node: node.name)


def test_a_name_that_means_another_node_is_refused(store: Store) -> None:
    store.nodes.save(NODE)
    with pytest.raises(InputError) as raised:
        store.nodes.save(replace(NODE, name="node2", aliases=("controller", "fine", "node1")))
    assert [fault.message for fault in raised.value.faults] == [
        "'controller' already means node 'node1'",
        "'node1' already means node 'node1'",
    ]
    with pytest.raises(InputError):
        store.nodes.save(replace(NODE, name="controller", aliases=()))
    assert store.nodes.list() == [NODE]


def test_a_deleted_node_frees_its_names(store: Store) -> None:
    store.nodes.save(NODE)
    store.nodes.delete("node1")
    store.nodes.delete("node1")
    assert store.nodes.list() == []
    other = replace(NODE, name="node2")
    store.nodes.save(other)
    assert store.nodes.get("controller") == other


def test_state_and_health(store: Store) -> None:
    store.nodes.save(NODE)
    store.nodes.set_state("node1", NodeState.READYING, Health.PROBLEM, "nova/nova-compute@node1: no \ud800\0 space")
    saved = store.nodes.get("node1")
    assert saved is not None
    assert (saved.state, saved.health) == (NodeState.READYING, Health.PROBLEM)
    assert saved.last_error == "nova/nova-compute@node1: no ?\N{REPLACEMENT CHARACTER} space"
    assert replace(saved, state=NODE.state, health=Health.OK, last_error="") == NODE
