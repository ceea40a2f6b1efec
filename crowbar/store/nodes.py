"""The nodes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, delete, insert, or_, select, union_all, update

from crowbar.errors import Fault, InputError
from crowbar.store import tables as t
from crowbar.store.database import Database, upsert
from crowbar.store.model import Health, Node, NodeKind, NodeState

NodeList = list[Node]  # inside the class, `list` is its method


class Nodes:
    """Nodes by name and alias."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, node: Node) -> None:
        """Insert the node, or replace the one of that name.

        Raises InputError if its name or an alias of it already means another node.
        """
        values = node_values(node)
        aliases = [{"alias": alias, "node": node.name, "position": n} for n, alias in enumerate(node.aliases)]
        with self._database.write() as connection:
            check_names(connection, node)
            upsert(connection, t.nodes, values)
            connection.execute(delete(t.node_aliases).where(t.node_aliases.c.node == node.name))
            if aliases:
                connection.execute(insert(t.node_aliases), aliases)

    def get(self, name: str) -> Node | None:
        """The node of that name, else of that alias, else None."""
        by_alias = select(t.node_aliases.c.node).where(t.node_aliases.c.alias == name).scalar_subquery()
        found = self._select(or_(t.nodes.c.name == name, t.nodes.c.name == by_alias))
        return found[0] if found else None

    def list(self) -> NodeList:
        """All nodes, by name."""
        return self._select()

    def delete(self, name: str) -> None:
        """Forget the node of that name, if there is one."""
        with self._database.write() as connection:
            connection.execute(delete(t.nodes).where(t.nodes.c.name == name))

    def set_state(
        self,
        name: str,
        state: NodeState,
        health: Health,
        last_error: str = "",
        *,
        expected: Collection[NodeState] = tuple(NodeState),
    ) -> bool:
        """Record where the node stands and what is wrong with it.

        False, and nothing is written, if it stands in none of the ``expected`` states.
        """
        values = {"state": state.value, "health": health.value, "last_error": last_error}
        here = and_(t.nodes.c.name == name, t.nodes.c.state.in_([one.value for one in expected]))
        with self._database.write() as connection:
            return connection.execute(update(t.nodes).where(here).values(values)).rowcount > 0

    def set_facts(self, name: str, facts: Mapping[str, Any]) -> None:
        """Replace what is known that the node can do."""
        self._update(name, facts=dict(facts))

    def _update(self, name: str, **values: Any) -> None:
        with self._database.write() as connection:
            connection.execute(update(t.nodes).where(t.nodes.c.name == name).values(values))

    def _select(self, where: ColumnElement[bool] | None = None) -> NodeList:
        query = select(t.nodes).order_by(t.nodes.c.name)
        aliases = select(t.node_aliases).order_by(t.node_aliases.c.position)
        with self._database.read() as connection:
            rows = connection.execute(query if where is None else query.where(where)).mappings().all()
            if where is not None:
                aliases = aliases.where(t.node_aliases.c.node.in_([row["name"] for row in rows]))
            of_node: dict[str, list[str]] = defaultdict(list)
            for alias in connection.execute(aliases):
                of_node[alias.node].append(alias.alias)
        return [_node(row, of_node[row["name"]]) for row in rows]


def node_values(node: Node) -> dict[str, Any]:
    """The columns of the node's row."""
    return {
        "name": node.name,
        "kind": node.kind.value,
        "addresses": dict(node.addresses),
        "ssh_user": node.ssh_user,
        "ssh_port": node.ssh_port,
        "ssh_key": node.ssh_key,
        "host_key": node.host_key,
        "facts": dict(node.facts),
        "state": node.state.value,
        "health": node.health.value,
        "last_error": node.last_error,
    }


def _node(row: RowMapping, aliases: Sequence[str]) -> Node:
    typed = {
        "kind": NodeKind(row["kind"]),
        "state": NodeState(row["state"]),
        "health": Health(row["health"]),
        "aliases": tuple(aliases),
    }
    return Node(**{**row, **typed})


def check_names(connection: Connection, node: Node) -> None:
    """See that the node's name and aliases mean no other node.

    Raises InputError with all that do.
    """
    names = [node.name, *node.aliases]
    by_name = select(t.nodes.c.name, t.nodes.c.name.label("node")).where(t.nodes.c.name.in_(names))
    by_alias = select(t.node_aliases.c.alias, t.node_aliases.c.node).where(t.node_aliases.c.alias.in_(names))
    taken = union_all(by_name, by_alias).subquery()
    query = select(taken).where(taken.c.node != node.name).order_by(taken.c.name)
    faults = [Fault(node.name, f"{name!r} already means node {other!r}") for name, other in connection.execute(query)]
    if faults:
        raise InputError(f"Node {node.name!r} cannot be saved.", hint="Choose other names.", faults=faults)
