"""A machine that is only being discovered is in nobody's way: what looks at all nodes copes with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from crowbar.paths import StateDir
from crowbar.services import status
from crowbar.services.context import open_context
from crowbar.services.wanted import deployed, node_view
from crowbar.store.machine_model import Machine, Network
from crowbar.store.model import Node, NodeKind

ADMIN = Network("admin", "192.0.2.0/24", ranges={"host": ("192.0.2.10", "192.0.2.20")})


def test_a_machine_without_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CROWBAR_DATABASE", raising=False)
    with open_context(StateDir(tmp_path / "state")) as context:
        context.store.nodes.save(Node("here", NodeKind.HOST, {"admin": "127.0.0.1"}))
        context.store.machines.save(Machine("m1"))
        assert [(node.name, node.address) for node in status.read(context).nodes] == [("here", "127.0.0.1"), ("m1", "")]
        wanted = deployed(context, {})
        assert wanted.nodes["m1"].addresses == {}
        context.store.networks.save(ADMIN)
        context.store.networks.allocate("admin", "m1")
        node = context.store.nodes.get("m1")
        assert node and set(node_view(node).addresses.values()) == {"192.0.2.10"}
        assert {"public", "storage"} <= set(node_view(node).addresses)
