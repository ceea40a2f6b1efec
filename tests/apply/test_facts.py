"""A node is asked once, and nothing it says is believed unread."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from crowbar.apply import facts
from crowbar.apply.transport import Completed
from crowbar.errors import NodeError
from crowbar.store.model import Node, NodeKind
from crowbar_inventory.facts import Capability

NODE = Node("n1", NodeKind.MACHINE, {"admin": "192.0.2.1"})
FACTS = {
    "hostname": "n1",
    "distribution": {"id": "debian", "version": "13", "codename": "trixie"},
    "kernel": "6.12",
    "architecture": "x86_64",
    "cpus": 2,
    "memory_mib": 8192,
    "disk_free_mib": 20000,
    "virtualization": "none",
    "systemd": True,
    "capabilities": ["tun"],
    "listening": [22],
}


@dataclass
class Answering:
    """A way to a node that answers so."""

    answer: Completed
    closed: bool = False

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60) -> Completed:
        assert list(argv) == ["python3", "-I", "-S", "-"]
        compile(stdin, "probe", "exec")
        return self.answer

    def close(self) -> None:
        """Told to the test."""
        self.closed = True


def answering(monkeypatch: pytest.MonkeyPatch, *answer: object) -> Answering:
    transport = Answering(Completed(*answer))  # type: ignore[arg-type]  # as the test gives them
    monkeypatch.setattr(facts, "transport_to", lambda _node, patience: transport)
    return transport


def test_what_the_node_says(monkeypatch: pytest.MonkeyPatch) -> None:
    transport = answering(monkeypatch, 0, json.dumps(FACTS), "")
    found = facts.gather_facts(NODE)
    assert found.capabilities == (Capability.TUN,)
    assert found.as_mapping() == FACTS
    assert transport.closed


@pytest.mark.parametrize(
    ("status", "out", "message"),
    [
        (1, "", "The probe on node n1 ended with status 1: no such thing"),
        (0, "hello", "Node n1 did not tell what it can do"),
        (0, json.dumps({**FACTS, "cpus": 0}), "cpus: must be a whole number"),
    ],
)
def test_nonsense_is_an_error_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, status: int, out: str, message: str
) -> None:
    transport = answering(monkeypatch, status, out, "no such thing\n")
    with pytest.raises(NodeError, match=message) as error:
        facts.gather_facts(NODE)
    assert error.value.hint
    assert transport.closed
