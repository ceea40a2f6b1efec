"""All faults of the table at once, in one rack: each has its health and message, and nobody else notices."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crowbar.services.machines import wishes
from crowbar.store.machine_model import MachineView, Network, Target
from crowbar.store.model import Health, NodeState
from tests.api.faults.page import page
from tests.api.faults.table import KILLED_AT, ROWS, Row
from tests.api.simulation.hardware import mac
from tests.api.simulation.installed import Systems, systems
from tests.api.simulation.rack import Rack, rack
from tests.api.simulation.server import Server
from tests.conftest import place

ROOT = Path(__file__).parents[3]
WELL = 3  # servers that nothing is wrong with, before those of the rows
# As `crowbar serve` does it, but for seconds where it takes minutes.
HURRY: dict[str, Any] = {
    "poll": 0.3,
    "every": 0.1,
    "patience": {"alive": 3.0, "busy": 3.5, "boot": 4.0, "retry": 0.5, "inspect": 2.0, "silence": 1 / 80},
    "bmc": [0.3, 0.5, 0.2],
    "pauses": [0.3, 1.0],
}
IMAGE = json.dumps(
    {"size": 4 << 30, "sha256": "a", "compressed_size": 1, "compressed_sha256": "b", "kernel": "6.1", "built": False}
)


@pytest.fixture
def folder(tmp_path: Path, migrated: Path) -> Path:
    place(migrated, tmp_path / "crowbar.db")
    disks = tmp_path / "disks"
    disks.mkdir()
    (disks / f"{'a' * 32}.raw.zst").write_bytes(b"image")
    (disks / f"{'a' * 32}.json").write_text(IMAGE)
    return tmp_path


@pytest.fixture
def running() -> Iterator[Systems]:
    with systems() as made:
        yield made


def prepared(it: Rack, targets: dict[str, Target], running: Systems) -> None:
    """What shall be installed has its address; there are no more."""
    wanted = [name for name, target in targets.items() if target is Target.INSTALLED]
    last = f"127.0.20.{len(wanted)}"
    it.store.networks.save(Network("admin", "127.0.0.0/8", ranges={"host": ("127.0.20.1", last)}))
    for name, server in it.servers.items():
        node = it.store.nodes.get(name)
        assert node is not None
        it.store.nodes.save(replace(node, ssh_port=running.port))
        it.store.machines.update(name, target=targets.get(name, Target.INSTALLED))
        server.on_disk = lambda one: running.boot(one.installed)
    for name in wanted:
        it.store.networks.allocate("admin", name, mac(it.servers[name].number))


def views(it: Rack) -> dict[str, MachineView]:
    return {view.machine.name: view for view in it.store.machines.list(hardware=False)}


def fits(pattern: str, name: str, text: str) -> bool:
    words = map(re.escape, pattern.replace("{name}", name).split("…"))
    return re.fullmatch(".*".join(words), " ".join(text.split())) is not None


def shown(row: Row, it: Rack, view: MachineView) -> str:
    """What of the row does not hold at this moment."""
    name = view.machine.name
    found = f"{view.state} {view.health}: {view.last_error}"
    if (view.state, view.health) != (row.state, row.health) or not fits(row.says, name, view.last_error):
        return found
    told = [event.message for event in it.store.machine_events.timeline(name)] if row.line else []
    return "" if not row.line or any(fits(row.line, name, line) for line in told) else f"{found}; timeline: {told}"


def test_each_fault_has_its_outcome_and_goes_no_further(folder: Path, running: Systems) -> None:
    rows = {f"node{number}": row for number, row in enumerate(ROWS, WELL)}
    with rack(folder, map(Server, range(WELL + len(ROWS))), **HURRY) as it:
        prepared(it, {f"node{n}": Target.INSTALLED for n in range(WELL)} | with_addresses(rows), running)
        for name, row in rows.items():
            it.store.machines.update(name, target=row.target)
            row.begin(it, it.servers[name])
        it.start()
        missing = dict.fromkeys(rows, "")

        def all_shown() -> bool:
            now = views(it)
            for name in tuple(missing):
                missing[name] = shown(rows[name], it, now[name])
                if not missing[name]:
                    del missing[name]
            return not missing and all(now[f"node{n}"].state is NodeState.INSTALLED for n in range(WELL))

        it.await_that(all_shown, 60)
        assert {rows[name].what: found for name, found in missing.items()} == {}
        for name, row in rows.items():
            row.lift(it, it.servers[name])

        def there(view: MachineView) -> bool:
            goal = rows[view.machine.name].goal if view.machine.name in rows else NodeState.INSTALLED
            return (view.state, view.health, view.last_error) == (goal, Health.OK, "")

        it.await_that(lambda: all(map(there, views(it).values())), 60)
        stuck = {name: view for name, view in views(it).items() if not there(view)}
        assert {rows[name].what if name in rows else name: view.last_error for name, view in stuck.items()} == {}
        for number in range(WELL):
            assert harm(it, f"node{number}") == []


def with_addresses(rows: dict[str, Row]) -> dict[str, Target]:
    """Of the machines that are to be installed, all but the one for which there is no address."""
    return {name: row.target for name, row in rows.items() if "exhausted" not in row.what}


def harm(it: Rack, name: str) -> list[str]:
    """What a machine that nothing was wrong with should not have come to."""
    events = it.store.machine_events.timeline(name)
    moves = [event.data["to"] for event in events if event.kind == "state.changed"]
    problems = [e.message for e in events if e.kind == "health.changed" and e.data["to"] == Health.PROBLEM]
    return problems if len(moves) == len(set(moves)) == 5 else [*problems, *moves]


def test_the_admin_node_is_killed_in_each_state(folder: Path, running: Systems) -> None:
    killed: Counter[str] = Counter()

    def at(_server: Server, point: str) -> None:
        if point in KILLED_AT and not killed[point]:
            killed[point] += 1
            it.kill()  # at this very moment; the servers wait meanwhile
            it.start()

    with rack(folder, map(Server, range(4)), **HURRY) as it:
        prepared(it, dict.fromkeys(it.servers, Target.INSTALLED), running)
        it.servers["node1"].at = at
        it.start()
        installed = it.await_that(lambda: all(view.state is NodeState.INSTALLED for view in views(it).values()), 60)
        assert installed, views(it)
        assert set(killed) == set(KILLED_AT)
        assert {name: harm(it, name) for name in it.servers} == {name: [] for name in it.servers}
        assert {view.health for view in views(it).values()} == {Health.OK}


def test_the_admin_node_is_killed_where_a_machine_stays(folder: Path, running: Systems) -> None:
    with rack(folder, map(Server, range(2)), **HURRY) as it:
        machines = it.store.machines
        prepared(it, dict.fromkeys(it.servers, Target.INSTALLED), running)

        def at(_server: Server, point: str) -> None:
            if point == "wipe":  # it shall not be installed any more
                machines.update("node1", target=Target.DISCOVERED)

        def gets(*states: NodeState) -> None:
            reached = it.await_that(lambda: views(it)["node1"].state in states, 60)
            assert reached, "\n".join(f"{one.kind} {one.message}" for one in it.store.machine_events.timeline("node1"))

        it.servers["node1"].at = at
        it.start()
        gets(NodeState.HARDWARE_INSTALLED)
        it.kill()
        it.servers["node1"].at = lambda _server, _point: None
        machines.update("node1", target=Target.INSTALLED)
        it.start()
        gets(NodeState.INSTALLED)
        it.kill()
        assert views(it)["node1"].state is NodeState.INSTALLED
        it.start()
        wishes.reset(it.store, ["node1"], reinstall=True)
        it.kill()
        assert views(it)["node1"].state is NodeState.RESET
        it.start()
        gets(NodeState.HARDWARE_INSTALLING)
        gets(NodeState.INSTALLED)
        assert harm(it, "node0") == []
        assert [e for e in it.store.machine_events.timeline("node1") if e.kind == "health.changed"] == []


def test_the_page_is_what_the_table_says() -> None:
    written = (ROOT / "docs/reference/discovery-faults.md").read_text(encoding="utf-8")
    assert written == "\n".join(page()) + "\n"
