"""A machine whose image was written answers by SSH: as itself, or as somebody else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from crowbar.apply.keys import KeyPair
from crowbar.engine.lifecycle import Action, ActionKind
from crowbar.services.machines.access import AdminKey, admin_key
from crowbar.services.machines.acting import Actor
from crowbar.services.machines.images import DiskImages
from crowbar.store.applied import save_applied
from crowbar.store.machine_model import Machine, MachineView
from crowbar.store.model import Applied, Health, NodeState
from crowbar.store.store import Store, open_store
from tests.api.simulation.installed import Systems, systems
from tests.sockets import connections_to

ARRIVE = Action(ActionKind.AWAIT_SSH, "It boots from its disk.", to=NodeState.INSTALLED)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(f"sqlite:///{tmp_path}/crowbar.db", tmp_path / "secret.key") as opened:
        opened.machines.save(Machine("node1", approved=True))
        opened.machines.move("node1", NodeState.INSTALLING, actor="test", reason="a test")
        yield opened


@pytest.fixture
def installed() -> Iterator[Systems]:
    with systems() as running:
        yield running


def arrive(store: Store, running: Systems, folder: Path, pinned: KeyPair, shown: KeyPair) -> MachineView:
    """One look at the machine: ``pinned`` is the key that was put in, ``shown`` the one that answers."""
    key: AdminKey = admin_key(folder / "id")
    store.machines.pin("node1", pinned.public)
    node = store.nodes.get("node1")
    assert node is not None
    store.nodes.save(replace(node, addresses={"admin": "127.0.0.77"}, ssh_port=running.port))
    order = {
        "networks": [{"address": "127.0.0.77"}],
        "host_key": {"private": shown.private.decode()},
        "authorized_keys": [key.public],
    }
    running.boot(order)
    view = store.machines.view("node1")
    assert view is not None
    Actor(store, DiskImages(folder), key).do(view, ARRIVE)
    after = store.machines.view("node1")
    assert after is not None
    return after


def test_it_is_installed_knows_what_it_can_do_and_has_no_role(store: Store, installed: Systems, tmp_path: Path) -> None:
    with store._database.write() as connection:
        save_applied(connection, Applied("keystone/server@node1", "keystone", "server", "node1", "abc"))
    key = KeyPair.make()
    view = arrive(store, installed, tmp_path, key, key)
    assert (view.state, view.health) == (NodeState.INSTALLED, Health.OK)
    node = store.nodes.get("node1")
    assert node is not None
    assert node.facts["capabilities"] is not None
    assert node.ssh_key == str(tmp_path / "id")
    assert store.applied.list() == []
    assert connections_to("127.0.0.77") == []  # a thousand machines would leave a thousand threads


def test_somebody_else_at_its_address_is_told_and_not_taken_for_it(
    store: Store, installed: Systems, tmp_path: Path
) -> None:
    view = arrive(store, installed, tmp_path, KeyPair.make(), KeyPair.make())
    assert (view.state, view.health) == (NodeState.INSTALLING, Health.PROBLEM)
    assert "shows another SSH host key than the one pinned" in view.last_error
