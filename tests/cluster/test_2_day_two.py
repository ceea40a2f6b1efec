"""A cluster that grows, shrinks, loses a node and gets it back: cost follows change."""

from __future__ import annotations

import json
import time

import pytest

from tests.cluster.conftest import Cluster, ran
from tests.cluster.objects import Objects

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(3000)]
NEW = {
    "name": "node3",
    "virtual": {"kind": "container", "nics": 2},
    "group": "compute",
    "rack_position": "R2-U03",
}
# The addresses of a node's cards, and what networkd is told of them.
LAID_OUT = "ip -4 -oneline address show | grep -o 'eth[0-9] .*/24'; cat /etc/systemd/network/05-crowbar-*"


def checked(cluster: Cluster, *checks: str) -> None:
    """`crowbar verify`, these checks and those that they stand on."""
    report = cluster.json("verify", *(word for check in checks for word in ("--check", check)))
    assert {check["name"]: check["detail"] for check in report["checks"] if check["status"] != "passed"} == {}


def test_deploying_again_runs_nothing(cluster: Cluster) -> None:
    begun = time.monotonic()
    steps = cluster.deploy()
    seconds = time.monotonic() - begun
    print(f"the unchanged cluster, deployed again: {seconds:.1f} s")
    assert ran(steps) == set()
    assert seconds < 60  # the aim is 15 s on an idle host: what is measured is told, this is the order


def test_objects_outlive_the_loss_of_a_storage_node(cluster: Cluster) -> None:
    objects = Objects(cluster)
    digests = objects.put()
    cluster.run("rack", "fault", "node2", "power-cut")
    try:
        assert objects.get() == digests
    finally:
        cluster.run("rack", "fault", "node2", "none")
    cluster.run("machines", "power", "on", "node2")
    objects.delete()
    checked(cluster, "services", "object")  # node2 is back by itself


def test_a_compute_is_added_and_others_change_only_where_their_files_do(cluster: Cluster) -> None:
    cluster.document["machines"].append(NEW)
    planned, perhaps = cluster.planned()
    steps = cluster.deploy("--no-verify")
    assert planned <= ran(steps) <= planned | perhaps  # what the plan says is what then happens
    elsewhere = {key for key in ran(steps) if not key.endswith("@node3")}
    print(f"what ran elsewhere for one compute more: {sorted(elsewhere)}")
    untouched = {"database", "rabbitmq", "memcached", "keystone", "placement", "glance", "dashboard"}
    assert not {key for key in elsewhere if key.partition("/")[0] in untouched}
    assert {"nova/nova-compute@node3", "quantum/quantum-network@node3", "swift/swift-storage@node3"} <= ran(steps)
    checked(cluster, "computes", "object")


def test_a_compute_is_removed_and_forgotten_everywhere(cluster: Cluster) -> None:
    cluster.document["machines"].remove(NEW)
    planned, perhaps = cluster.planned()
    steps = cluster.deploy("--no-verify")
    assert planned <= ran(steps) <= planned | perhaps
    assert {key for key, step in steps.items() if step["kind"] == "remove"} == {
        f"{role}@node3"
        for role in (
            *("system/system-node", "network/network", "ntp/ntp-client", "ntp/ntp-clock", "dns/dns-client"),
            *("nova/nova-compute", "quantum/quantum-network", "swift/swift-storage", "cinder/cinder-volume"),
        )
    }
    checked(cluster, "services", "computes", "object")  # which waits for every service and agent that is known
    cluster.run("machines", "power", "off", "node3", "--yes")  # else it goes on using its address
    cluster.run("machines", "delete", "node3", "--yes")
    assert ran(cluster.deploy("--no-verify")) <= {
        "dns/dns-server@controller",
        *(f"system/system-node@{name}" for name in ("controller", "node1", "node2")),
    }


def test_what_the_plan_says_of_files_and_services_is_what_then_happens(cluster: Cluster) -> None:
    units = ("nova-compute.service", "ovn-controller.service", "swift-object.service")
    before = {unit: started(cluster, unit) for unit in units}
    cluster.proposal("nova")["attributes"] = {"cpu_allocation_ratio": 5.0}
    cluster.write()
    changes = {one["key"]: one for one in cluster.json("plan", str(cluster.file), "--diff")["changes"]}
    assert {unit: started(cluster, unit) for unit in units} == before, "a plan changes nothing"
    compute = changes["nova/nova-compute@node1"]
    assert "+cpu_allocation_ratio = 5.0" in "".join(compute["diffs"]).splitlines()
    restarted = {line.removeprefix("restart ") for line in compute["services"]}
    assert "nova-compute.service" in restarted
    steps = cluster.deploy("--no-verify")
    assert set(changes) == ran(steps)
    kinds = ("paths", "packages", "services", "commands", "others")
    for key, change in changes.items():
        assert change["error"] == ""
        assert bool(steps[key]["changed"]) == any(change[kind] for kind in kinds), key
    assert {unit for unit in units if started(cluster, unit) != before[unit]} == restarted.intersection(units)


def started(cluster: Cluster, unit: str) -> str:
    """When the unit on node1 last began to run."""
    return cluster.on("node1", "systemctl", "show", "--property=ActiveEnterTimestampMonotonic", "--value", unit)


def test_a_node_that_a_change_would_cut_off_puts_back_what_it_had(cluster: Cluster) -> None:
    attributes = cluster.proposal("network")["attributes"]
    conduits = attributes["conduits"]
    before = cluster.on("node1", "sh", "-c", LAID_OUT)
    assert "10.126.1." in before
    # The admin network on the card at whose other end the admin node is not.
    attributes |= {"conduits": {"intf0": conduits["intf1"], "intf1": conduits["intf0"]}, "patience": 5}
    try:
        steps = cluster.deploy("--only", "node1", "--no-verify", status=1)
    finally:
        attributes |= {"conduits": conduits, "patience": 45}
    assert {key for key, step in steps.items() if step["status"] == "failed"} == {"network/network@node1"}
    said = cluster.json("explain")["cards"][0]
    assert "does not answer any more" in json.dumps(said) and "put back what it had" in json.dumps(said)
    assert cluster.on("node1", "sh", "-c", LAID_OUT) == before
    steps = cluster.deploy("--no-verify")
    assert steps["network/network@node1"]["status"] == "succeeded"
    assert not steps["network/network@node1"]["changed"]
    checked(cluster, "services")


def test_a_node_is_reinstalled_in_place(cluster: Cluster) -> None:
    cluster.run("machines", "reinstall", "node2", "--yes")
    steps = cluster.deploy("--no-verify")
    assert {"nova/nova-compute@node2", "swift/swift-storage@node2"} <= ran(steps)
    checked(cluster, "computes", "object")
