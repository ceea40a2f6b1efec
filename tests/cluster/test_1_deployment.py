"""Three machines without power become one verified cloud, however often the engine is killed on the way."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from crowbar.store.model import DeploymentStatus, Health, NodeState, StepKind, StepStatus
from tests.cluster.conftest import KILLS, Cluster
from tests.systemd import FAILED, failed_units

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(3000)]


def test_the_engine_really_died_again_and_again(cluster: Cluster) -> None:
    print(f"deployed after {cluster.seconds:.0f} s; applied at the kills: {cluster.applied_at_kills}")
    assert len(cluster.applied_at_kills) == KILLS
    assert cluster.applied_at_kills[0] == 0  # the machines were being installed
    assert max(cluster.applied_at_kills) > 3  # roles were being applied


def test_nothing_that_had_succeeded_was_done_twice(cluster: Cluster) -> None:
    done: Counter[str] = Counter()
    with cluster.context() as context:
        for deployment in sorted(context.store.deployments.list(1000), key=lambda one: one.id):
            for row in context.store.deployments.steps(deployment.id):
                if row.kind is StepKind.APPLY and row.status is StepStatus.SUCCEEDED:
                    done[row.key] += 1
            if deployment.status is DeploymentStatus.SUCCEEDED:  # what comes after is on purpose
                break
    assert done
    assert {key: times for key, times in done.items() if times > 1} == {}


def test_every_machine_is_ready_and_every_role_on_it(cluster: Cluster) -> None:
    with cluster.context() as context:
        last = context.store.deployments.last()
        assert last is not None
        rows = context.store.deployments.steps(last.id)
        applied = {entry.key for entry in context.store.applied.list()}
        nodes = context.store.nodes.list()
    assert last.status is DeploymentStatus.SUCCEEDED
    assert applied == {row.key for row in rows}
    assert {node.name: (node.state, node.health) for node in nodes} == dict.fromkeys(
        ["controller", "node1", "node2"], (NodeState.READY, Health.OK)
    )


def test_each_network_is_on_the_card_that_its_conduit_means(cluster: Cluster) -> None:
    with cluster.context() as context:
        nodes = {node.name: node.addresses for node in context.store.nodes.list()}
    for name, addresses in nodes.items():
        listed = json.loads(cluster.on(name, "ip", "-json", "-4", "address", "show"))
        device = {address["local"]: one["ifname"] for one in listed for address in one["addr_info"]}
        assert {network: device[address] for network, address in addresses.items()} == {
            "admin": "eth0",
            "tenant": "eth1",
            "storage": "eth1",
        }
    # Instances' traffic goes there: in userspace by an interface of the tunnels' own.
    [tunnels] = json.loads(cluster.on("node1", "ip", "-json", "-details", "link", "show", "tun0"))
    assert tunnels["link"] == "eth1"


def test_no_unit_failed_on_any_node(cluster: Cluster) -> None:
    for name in ("controller", "node1", "node2"):
        # A container's root is not its own to mount anew.
        assert failed_units(cluster.on(name, *FAILED)) <= {"systemd-remount-fs.service"}


def test_the_cloud_works_with_an_instance_on_each_compute(cluster: Cluster) -> None:
    report = cluster.json("verify")
    assert {check["name"]: check["detail"] for check in report["checks"] if check["status"] != "passed"} == {}
    [computes] = [check["detail"] for check in report["checks"] if check["name"] == "computes"]
    assert "an instance on each of" in computes
    assert report["leftovers"] == []
