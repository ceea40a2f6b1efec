"""A file of servers that stand there already: two by the range of their BMCs, and one that boots unasked.

The rack is put up beforehand and the file does not know it, as it would not know a real one.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import yaml

from crowbar.rack.virtual.layout import RackFolder
from crowbar.rack.virtual.record import RackRecord, load
from crowbar_cli.rack_networks import networks_of
from tests.built import state_dir
from tests.cluster.conftest import SECONDS
from tests.cluster.conftest import STATE as BUILT
from tests.command import Command
from tests.rack.virtual.traces import ipmi, traces

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(1800)]
STATE = state_dir("servers-tests", images_of=BUILT.root.name)
PASSWORD = "of-all-BMCs"
RULES = """\
rules:
  - {{name: storage, when: {{serial: {serial}}}, alias: "store-{{n}}", intended_role: storage}}
  - {{name: others, group: compute}}
"""


@pytest.fixture
def crowbar(monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    monkeypatch.setenv("CROWBAR_BMC_PASSWORD", PASSWORD)
    command = Command(STATE, SECONDS)
    command.forget()
    yield command
    command.run("rack", "down", "--yes")
    STATE.rules.unlink(missing_ok=True)
    assert traces(STATE.rack, RackFolder(STATE.rack).tag) == []


def cluster_file(folder: Path, rack: RackRecord) -> Path:
    """Two servers by the range of their BMCs, and one that the rules mean for storage."""
    admin = replace(networks_of(rack)[0], auto_approve=True)
    first, second, _ = rack.machines
    document = {
        "networks": [{key: value for key, value in asdict(admin).items() if value}],
        "machines": [
            {"bmc": f"{first.bmc.url}-{second.bmc.address.rpartition('.')[2]}"},
            {"matched": {"intended_role": "storage"}, "count": 1},
        ],
        "proposals": [
            {"barclamp": "system", "deployment": {"elements": {"system-node": {}}}},
            {"barclamp": "memcached", "deployment": {"elements": {"memcached-server": {"intended_role": "storage"}}}},
        ],
    }
    path = folder / "cluster.yml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def until_served(crowbar: Command, process: subprocess.Popen[str]) -> None:
    log = crowbar.state.root / "serve.log"
    deadline = time.monotonic() + crowbar.limit
    while not (log.exists() and "Serving " in log.read_text(encoding="utf-8")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.2)


def test_servers_by_their_bmcs_and_one_that_boots_unasked(crowbar: Command, tmp_path: Path) -> None:
    crowbar.run("rack", "up", "--machines", "3", "--kind", "container", "--disk", "4")
    rack = load(STATE.rack)
    first, second, stranger = rack.machines
    for machine in (first, second):
        ipmi(STATE.rack, machine.name, "user", "set", "password", "2", PASSWORD, "20")
    STATE.rules.write_text(RULES.format(serial=stranger.serial), encoding="utf-8")
    (STATE.root / "serve.log").unlink(missing_ok=True)
    file = str(cluster_file(tmp_path, rack))
    with crowbar.start("deploy", file, "--no-verify", "--output", "json") as process:
        until_served(crowbar, process)
        ipmi(STATE.rack, stranger.name, "power", "on")  # by somebody's hand: Crowbar has no login there
        output, _ = process.communicate(timeout=crowbar.limit)
        assert process.returncode == 0, output
    machines = crowbar.machines()
    ranged = {f"bmc-{one.bmc.address.replace('.', '-')}" for one in (first, second)}
    [name] = set(machines) - ranged
    assert (machines[name]["aliases"], machines[name]["machine"]["intended_role"]) == (["store-1"], "storage")
    assert {machines[one]["machine"]["group"] for one in ranged} == {"compute"}  # by the other rule
    assert {view["state"] for view in machines.values()} == {"ready"}
    assert not machines[name]["machine"]["bmc"]
    [deployment] = crowbar.json("deployments", "list")["deployments"][:1]
    assert deployment["status"] == "succeeded"
    again = crowbar.json("deploy", file, "--no-verify")["steps"]
    assert {(step["key"], step["status"]) for step in again if step["kind"] != "gate"} == {
        (f"memcached/memcached-server@{name}", "unchanged"),
        *((f"system/system-node@{one}", "unchanged") for one in machines),
    }
