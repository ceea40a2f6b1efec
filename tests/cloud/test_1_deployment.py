"""What a deployment that was killed, and whose machine was, left behind."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from crowbar.store.model import DeploymentStatus, Health, NodeState, StepKind, StepStatus
from tests.cloud.conftest import ENGINE_KILLS, MACHINE_KILLS, Cloud
from tests.systemd import FAILED, failed_units

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(3000)]
MEMORY_LIMIT_MIB = 5 * 1024


def test_the_engine_and_the_machine_really_died(cloud: Cloud) -> None:
    assert len(cloud.applied_at_kills) == ENGINE_KILLS
    assert cloud.machine_kills == MACHINE_KILLS
    assert cloud.applied_at_kills == sorted(cloud.applied_at_kills), "a row was lost"


def test_nothing_that_had_succeeded_was_done_twice(cloud: Cloud) -> None:
    done: Counter[str] = Counter()
    with cloud.context() as context:
        for deployment in context.store.deployments.list():
            for row in context.store.deployments.steps(deployment.id):
                if row.kind is StepKind.APPLY and row.status is StepStatus.SUCCEEDED:
                    done[row.key] += 1
    assert done
    assert {key: times for key, times in done.items() if times > 1} == {}


def test_every_role_and_gate_is_there_and_the_node_is_ready(cloud: Cloud) -> None:
    with cloud.context() as context:
        last = context.store.deployments.last()
        rows = context.store.deployments.steps(last.id)
        applied = {entry.key for entry in context.store.applied.list()}
        [node] = context.store.nodes.list()
    assert last.status is DeploymentStatus.SUCCEEDED
    assert applied == {row.key for row in rows}
    assert (node.state, node.health) == (NodeState.READY, Health.OK)


def test_the_node_runs_only_the_units_of_its_roles(cloud: Cloud) -> None:
    """Of all units that the image's packages brought beyond the base system, those of the roles run, and no others."""
    with cloud.context() as context:
        wanted = {unit for barclamp in context.catalog for role in barclamp.roles.values() for unit in role.units}
    running = {
        line.split()[0]
        for line in cloud.on_node(
            "systemctl", "list-units", "--type=service", "--state=running", "--plain", "--no-legend"
        ).splitlines()
    }
    system = {"console-getty.service", "dbus.service", "ssh.service", "polkit.service", "crowbar-apply-0.service"}
    others = {
        unit
        for unit in running - wanted - system
        if not unit.startswith(("systemd-", "user@", "session-", "getty@", "epmd"))
    }
    assert others == set()


def test_no_unit_that_stops_takes_the_folders_of_another(cloud: Cloud) -> None:
    """Packages have their units share folders in /run, which systemd removes with the first one that is stopped."""
    shown = cloud.on_node(
        *(
            "systemctl",
            "show",
            "--state=running",
            "--property=Id,RuntimeDirectory,RuntimeDirectoryPreserve",
            "*.service",
        )
    )
    users: dict[str, list[dict[str, str]]] = defaultdict(list)
    for block in shown.split("\n\n"):
        unit = dict(line.split("=", 1) for line in block.splitlines())
        for folder in unit["RuntimeDirectory"].split():
            users[folder].append(unit)
    shared = {folder: units for folder, units in users.items() if len(units) > 1}
    assert {"nova", "lock/nova", "swift", "lock/swift", "cinder", "lock/cinder"} <= shared.keys()
    taking = {one["Id"] for units in shared.values() for one in units if one["RuntimeDirectoryPreserve"] == "no"}
    assert taking == set()


def test_no_unit_failed(cloud: Cloud) -> None:
    assert failed_units(cloud.on_node(*FAILED)) == set()


def test_the_cloud_needs_less_than_five_gib(cloud: Cloud) -> None:
    """The proportional share of every process of the node."""
    assert 500 < cloud.machine().memory_mib() < MEMORY_LIMIT_MIB
