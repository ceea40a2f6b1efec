"""Connections that are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import pytest

from crowbar.apply.connections import Connections
from crowbar.apply.transport import Transport
from crowbar.store.model import Node, NodeKind

ONE = Node("one", NodeKind.MACHINE, {})
TWO = Node("two", NodeKind.MACHINE, {})


@dataclass
class Link:
    """A connection that knows whether it was ended."""

    node: str
    closed: bool = False

    def close(self) -> None:
        self.closed = True


def _connections() -> tuple[list[Link], Connections]:
    made: list[Link] = []

    def make(node: Node) -> Transport:
        made.append(Link(node.name))
        return cast("Transport", made[-1])

    return made, Connections(make)


def test_each_node_and_lane_has_one_until_the_end() -> None:
    made, connections = _connections()
    for _ in range(3):
        with connections.to(ONE, 0), connections.to(ONE, 1), connections.to(TWO, 0):
            pass
    assert [link.node for link in made] == ["one", "one", "two"]
    assert not any(link.closed for link in made)
    connections.close()
    assert all(link.closed for link in made)


def test_one_that_something_went_wrong_with_is_not_used_again() -> None:
    made, connections = _connections()
    with pytest.raises(OSError, match="gone"), connections.to(ONE, 0):
        raise OSError("gone")
    assert made[0].closed
    with connections.to(ONE, 0) as link:
        assert isinstance(link, Link)
        assert link is made[1]


def test_of_many_nodes_those_stay_that_were_used_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crowbar.apply.connections._MOST_KEPT", 2)
    made, connections = _connections()
    for name in ("a", "b", "a", "c"):
        with connections.to(Node(name, NodeKind.MACHINE, {}), 0):
            pass
    assert [(link.node, link.closed) for link in made] == [("a", False), ("b", True), ("c", False)]
