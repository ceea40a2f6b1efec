"""The networks, and who has which address in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from crowbar.errors import EnvironmentFault, Fault, InputError
from crowbar.store import tables as t
from crowbar.store.database import Database, upsert
from crowbar.store.machine_model import HostEntry, Network
from crowbar.store.machine_tables import allocations, networks
from crowbar.store.network_rules import HOST, address_at, conflicts, faults_of, free_positions, next_position, positions

NetworkList = list[Network]  # inside the class, `list` is its method
_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


class Networks:
    """Networks by name. An address is given once, whoever asks at the same time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, network: Network) -> None:
        """Insert the network, or replace the one of that name.

        Raises InputError with all faults: its own, ranges that it would share with others, and addresses that nodes
        have and that would no longer be its own.
        """
        values = {
            "name": network.name,
            "subnet": network.subnet,
            "gateway": network.gateway,
            "vlan": network.vlan,
            "mtu": network.mtu,
            "ranges": {use: list(ends) for use, ends in network.ranges.items()},
            "auto_approve": network.auto_approve,
        }
        faults = faults_of(network)
        with self._database.write() as connection:
            if not faults:
                known = [_network(row) for row in connection.execute(select(networks).with_for_update())]
                faults = conflicts(network, known) + _orphans(connection, network, known)
            if faults:
                raise InputError(f"Network {network.name!r} cannot be saved.", faults=faults)
            upsert(connection, networks, values)

    def get(self, name: str) -> Network | None:
        """The network of that name, or None."""
        with self._database.read() as connection:
            row = connection.execute(select(networks).where(networks.c.name == name)).one_or_none()
        return None if row is None else _network(row)

    def list(self) -> NetworkList:
        """All networks, by name."""
        with self._database.read() as connection:
            return [_network(row) for row in connection.execute(select(networks).order_by(networks.c.name))]

    def last_given(self) -> dict[str, int]:
        """The position that each network gave last, by name: the next ones follow it. -1 where it gave none."""
        with self._database.read() as connection:
            return {
                row.name: row.last_given for row in connection.execute(select(networks.c.name, networks.c.last_given))
            }

    def delete(self, name: str) -> None:
        """Forget the network, if there is one.

        Raises InputError if nodes still have addresses in it.
        """
        c = allocations.c
        with self._database.write() as connection:
            users = connection.scalars(select(c.node).where(c.network == name).order_by(c.node)).all()
            if users:
                faults = [Fault(f"network {name}", f"node {node} has an address in it") for node in users]
                raise InputError(f"Network {name!r} is in use.", faults=faults, hint="Delete these machines.")
            connection.execute(delete(networks).where(networks.c.name == name))

    def allocate(self, network: str, node: str, mac: str = "") -> str:
        """The node's address in the network, from its range `host`; the same one for as long as it is not released.

        It is in the node's ``addresses`` from then on. ``mac`` is the interface's, for DHCP; one that another node had
        in this network is taken from it (the card was moved).
        Raises InputError if there is no such network, node or range, EnvironmentFault if the range is exhausted.
        """
        mac = mac.lower()
        if mac and not _MAC.fullmatch(mac):
            raise InputError(
                f"Node {node} cannot have an address.", faults=[Fault(f"node {node}", f"{mac!r} is no MAC")]
            )
        c = allocations.c
        with self._database.write() as connection:
            found = _locked(connection, network)
            addresses = _addresses(connection, node)
            if addresses is None:
                raise InputError(f"There is no node {node!r} to have an address in network {network}.")
            if mac:
                connection.execute(update(allocations).where(c.network == network, c.mac == mac).values(mac=""))
            position = connection.scalar(select(c.position).where(c.network == network, c.node == node))
            if position is None:
                position = _free(connection, found)
                row = {"network": network, "node": node, "position": position, "mac": mac}
                connection.execute(insert(allocations).values(row))
                connection.execute(update(networks).where(networks.c.name == network).values(last_given=position))
            elif mac:
                connection.execute(update(allocations).where(c.network == network, c.node == node).values(mac=mac))
            address = address_at(found, position)
            if addresses.get(network) != address:
                _set_addresses(connection, node, {**addresses, network: address})
        return address

    def release(self, node: str, network: str | None = None) -> None:
        """Free the node's addresses, in one network or in all, and take them from the node's row."""
        c = allocations.c
        with self._database.write() as connection:
            addresses = _addresses(connection, node)
            wanted = [c.node == node] if network is None else [c.node == node, c.network == network]
            freed = set(connection.scalars(delete(allocations).where(*wanted).returning(c.network)))
            if addresses and freed & set(addresses):
                rest = {name: address for name, address in addresses.items() if name not in freed}
                _set_addresses(connection, node, rest)

    def hosts(self, network: str) -> Sequence[HostEntry]:
        """Who has which address in the network, by address: what DHCP and name resolution are made of."""
        c = allocations.c
        query = select(c.mac, c.position, c.node).where(c.network == network).order_by(c.position)
        with self._database.read() as connection:
            row = connection.execute(select(networks).where(networks.c.name == network)).one_or_none()
            if row is None:
                return []
            found = _network(row)
            return [HostEntry(h.mac, address_at(found, h.position), h.node) for h in connection.execute(query)]


def _locked(connection: Connection, name: str) -> Network:
    """The network, for this transaction alone: on PostgreSQL, others that want an address in it wait."""
    row = connection.execute(select(networks).where(networks.c.name == name).with_for_update()).one_or_none()
    if row is None:
        raise InputError(f"There is no network {name!r}.", hint="crowbar networks list shows those that there are.")
    return _network(row)


def _free(connection: Connection, network: Network) -> int:
    """The next position of the range `host`, as `free_positions` has them; mostly by a look at one alone."""
    span = positions(network, HOST)
    if not span:
        fault = Fault(f"network {network.name} ranges", f"has no range {HOST!r}")
        raise InputError(f"Network {network.name!r} has no addresses for nodes.", faults=[fault])
    c = allocations.c
    last = connection.scalars(select(networks.c.last_given).where(networks.c.name == network.name)).one()
    at_hand = next_position(span, last)
    if connection.scalar(select(c.node).where(c.network == network.name, c.position == at_hand)) is None:
        return at_hand
    inside = select(c.position).where(c.network == network.name, c.position.between(span.start, span.stop - 1))
    for position in free_positions(span, set(connection.scalars(inside)), last):
        return position
    first, end = network.ranges[HOST]
    raise EnvironmentFault(
        f"The range {HOST!r} of network {network.name} ({first}-{end}) is exhausted: all {len(span)} are taken.",
        hint=f"Widen the range, or delete machines that are gone: crowbar machines list; "
        f"crowbar networks show {network.name} tells who has which address.",
    )


def _orphans(connection: Connection, network: Network, known: Sequence[Network]) -> list[Fault]:
    """Faults for addresses that nodes have, and that the network as it shall be would not give."""
    before = next((one for one in known if one.name == network.name), None)
    if before is None or before == replace(network, gateway=before.gateway, mtu=before.mtu, vlan=before.vlan):
        return []
    c = allocations.c
    held = connection.execute(select(c.node, c.position).where(c.network == network.name).order_by(c.position)).all()
    span = positions(network, HOST)
    return [
        Fault(f"network {network.name}", f"node {row.node} has {address_at(before, row.position)}, which is not in it")
        for row in held
        if before.subnet != network.subnet or row.position not in span
    ]


def _addresses(connection: Connection, node: str) -> dict[str, str] | None:
    addresses: dict[str, str] | None = connection.scalar(
        select(t.nodes.c.addresses).where(t.nodes.c.name == node).with_for_update()
    )
    return addresses


def _set_addresses(connection: Connection, node: str, addresses: dict[str, str]) -> None:
    connection.execute(update(t.nodes).where(t.nodes.c.name == node).values(addresses=addresses))


def _network(row: Row[Any]) -> Network:
    ranges = {use: (first, last) for use, (first, last) in row.ranges.items()}
    return Network(row.name, row.subnet, row.gateway, row.vlan, row.mtu, ranges, row.auto_approve)
