"""Nodes that there will be, laid over those that there are: for plans. What is laid over is not written."""

from __future__ import annotations

from collections.abc import Sequence

from crowbar.store.applied import AppliedList, AppliedRoles
from crowbar.store.database import Database
from crowbar.store.machine_model import Network
from crowbar.store.model import Node
from crowbar.store.networks import NetworkList, Networks
from crowbar.store.nodes import NodeList, Nodes


class ForeseenNodes(Nodes):
    """The nodes with others, which are new or in place of those of their names."""

    def __init__(self, database: Database, extra: Sequence[Node]) -> None:
        super().__init__(database)
        self._extra = {node.name: node for node in extra}

    def list(self) -> NodeList:
        """All nodes, by name."""
        both = {node.name: node for node in super().list()} | self._extra
        return [both[name] for name in sorted(both)]

    def get(self, name: str) -> Node | None:
        """The node of that name, else of that alias, else None."""
        aliased = (node for node in self._extra.values() if name in node.aliases)
        return self._extra.get(name) or next(aliased, None) or super().get(name)


class ForeseenApplied(AppliedRoles):
    """What is applied but for what these nodes have of it: they will be installed anew."""

    def __init__(self, database: Database, extra: Sequence[Node]) -> None:
        super().__init__(database)
        self._new = {node.name for node in extra}

    def list(self) -> AppliedList:
        """All of them, by key."""
        return [one for one in super().list() if one.node not in self._new]


class ForeseenNetworks(Networks):
    """The networks with others, which are new or in place of those of their names."""

    def __init__(self, database: Database, extra: Sequence[Network]) -> None:
        super().__init__(database)
        self._extra = {network.name: network for network in extra}

    def list(self) -> NetworkList:
        """All networks, by name."""
        both = {network.name: network for network in super().list()} | self._extra
        return [both[name] for name in sorted(both)]

    def get(self, name: str) -> Network | None:
        """The network of that name, or None."""
        return self._extra.get(name) or super().get(name)
