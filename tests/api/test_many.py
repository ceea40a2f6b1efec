"""Many servers come in at once, and nothing is lost or doubled: also when the admin node is killed meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from crowbar.store.model import Health, NodeState
from tests.api.simulation.rack import Rack, rack
from tests.api.simulation.server import Server
from tests.conftest import place


def discovered(it: Rack) -> int:
    return sum(view.state is NodeState.DISCOVERED for view in it.store.machines.list(hardware=False))


def wrong(it: Rack) -> list[str]:
    """Each server is one machine, which was discovered once, and has every inventory that its agent was thanked for."""
    assert {machine.name for machine in it.store.machines.all()} == set(it.servers)
    faults = []
    for name, server in it.servers.items():
        moves = [event.data["to"] for event in it.store.machine_events.timeline(name) if event.kind == "state.changed"]
        if moves != ["discovered"]:
            faults.append(f"{name} moved {moves}")
        kept, count = len(it.store.hardware.revisions(name)), server.count
        if not count["inventories taken"] <= kept <= count["inventories sent"]:
            faults.append(f"{name} has {kept} inventories: {count}")
        view = it.store.machines.view(name)
        if view is None or view.hardware is None or view.hardware.disks[0].serial != f"disk{server.number}":
            faults.append(f"{name} has another's hardware")
        if view is None or view.health is not Health.OK:
            faults.append(f"{name} is not well")
    return faults


@pytest.fixture
def folder(tmp_path: Path, migrated: Path) -> Path:
    place(migrated, tmp_path / "crowbar.db")
    return tmp_path


def test_all_at_once(folder: Path) -> None:
    with rack(folder, map(Server, range(30)), every=0.2, patience={}) as it:
        it.start()
        assert it.await_that(lambda: discovered(it) == 30)
        assert not wrong(it)
        for server in it.servers.values():
            assert server.count["registered"] == server.count["inventories sent"] == 1


def test_the_admin_node_is_killed_meanwhile(folder: Path) -> None:
    with rack(folder, map(Server, range(60)), every=0.2, patience={}) as it:
        for many in (5, 30):
            it.start()
            assert it.await_that(lambda: discovered(it) >= many, every=0.01)  # noqa: B023 - it is called at once
            it.kill()
        it.start()
        assert it.await_that(lambda: discovered(it) == 60)
        assert not wrong(it)
