"""What goes wrong for a while ends nothing that serves machines."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from ipaddress import IPv4Address

import pytest

from crowbar.api import server
from crowbar.api.desk import Bell
from crowbar.errors import CrowbarError, EnvironmentFault, InputError
from crowbar.provision.dnsmasq import DhcpHost


def test_orders_are_looked_for_again_after_the_database_was_away() -> None:
    looks: deque[CrowbarError | list[str]] = deque([EnvironmentFault("The database is away."), ["node1"]])

    def waiting() -> list[str]:
        found = looks.popleft() if looks else []
        if isinstance(found, CrowbarError):
            raise found
        return found

    async def rung() -> bool:
        bell = Bell(waiting)
        watching = asyncio.create_task(bell.watch())
        try:
            return await bell.rung("node1", 10)
        finally:
            watching.cancel()

    assert asyncio.run(rung())


def test_dhcp_follows_the_store_again_when_a_fault_is_mended(monkeypatch: pytest.MonkeyPatch) -> None:
    lists: deque[Exception | list[DhcpHost]] = deque(
        [[], *[InputError("The subnet has changed.")] * 2, KeyError("a defect of ours"), EnvironmentFault("Away.")]
    )
    over = threading.Event()
    told: list[list[DhcpHost]] = []

    def hosts(_store: object) -> list[DhcpHost]:
        found = lists.popleft() if lists else [MENDED]
        if isinstance(found, Exception):
            raise found
        return found

    class Dnsmasq:
        def set_hosts(self, hosts: list[DhcpHost]) -> None:
            told.append(hosts)
            if hosts:
                over.set()

    monkeypatch.setattr(server, "known_hosts", hosts)
    monkeypatch.setattr(server, "_FOLLOW_EVERY", 0.01)
    following = threading.Thread(target=server._follow, args=(None, Dnsmasq(), over), daemon=True)
    following.start()
    following.join(10)
    assert not following.is_alive()
    assert told == [[], [MENDED]]


MENDED = DhcpHost("52:54:00:00:00:01", IPv4Address("192.0.2.20"), "node1")
