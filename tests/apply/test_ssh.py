"""SSH to nodes, against paramiko's own server on loopback."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest

from crowbar.apply.keys import KeyPair
from crowbar.apply.ssh import SshTransport
from crowbar.errors import NodeError
from crowbar.services.machines.access import admin_key
from crowbar.store.model import Node, NodeKind
from tests.api.simulation.installed import systems
from tests.sockets import connections_to

ADDRESS = "127.0.0.78"


@pytest.fixture
def transport(tmp_path: Path) -> Iterator[SshTransport]:
    """To a node that answers, with the keys of both sides in place."""
    host, own = KeyPair.make(), admin_key(tmp_path / "id")
    with systems() as running:
        running.boot(
            {
                "networks": [{"address": ADDRESS}],
                "host_key": {"private": host.private.decode()},
                "authorized_keys": [own.public],
            }
        )
        node = Node(
            "n1",
            NodeKind.MACHINE,
            {"admin": ADDRESS},
            ssh_port=running.port,
            ssh_key=str(own.path),
            host_key=host.public,
        )
        made = SshTransport(node, patience=2)
        yield made
        made.close()


def client_thread(transport: SshTransport) -> paramiko.Transport:
    """The one that reads what comes over its connection."""
    found = transport._client.get_transport() if transport._client else None
    assert found is not None
    return found


def wake_ups(thread: threading.Thread) -> int:
    status = Path(f"/proc/self/task/{thread.native_id}/status").read_text()
    found = re.search(r"^voluntary_ctxt_switches:\s+(\d+)$", status, re.MULTILINE)
    assert found is not None
    return int(found[1])


def test_an_idle_connection_does_not_wake_ten_times_a_second(transport: SshTransport) -> None:
    """A thousand of them would keep a processor busy with nothing."""
    assert transport.run(["true"]).status == 0
    thread = client_thread(transport)
    time.sleep(0.2)  # the channel's end comes after its answer
    before = wake_ups(thread)
    time.sleep(1.5)
    assert wake_ups(thread) - before <= 3


def test_a_connection_ends_at_once_and_is_made_again_when_it_is_needed(transport: SshTransport) -> None:
    transport.run(["true"])
    thread = client_thread(transport)
    time.sleep(0.5)  # until nothing comes any more that would wake it
    transport.close()
    thread.join(1)
    assert not thread.is_alive()
    assert transport.run(["true"]).status == 0
    client_thread(transport).close()  # as a network that went away leaves it
    assert transport.run(["true"]).status == 0


def test_vain_tries_leave_no_connection_and_no_thread(transport: SshTransport, tmp_path: Path) -> None:
    """A node may refuse for minutes, and there are many of them."""
    refused = SshTransport(replace(transport._node, ssh_key=str(admin_key(tmp_path / "other").path)), patience=3)
    foreign = SshTransport(replace(transport._node, host_key=KeyPair.make().public), patience=3)
    threads = threading.active_count()
    for one in (refused, foreign):
        with pytest.raises(NodeError):
            one.run(["true"])
    assert connections_to(ADDRESS) == []
    deadline = time.monotonic() + 5
    while threading.active_count() > threads and time.monotonic() < deadline:
        time.sleep(0.1)
    assert threading.active_count() == threads
