"""What goes wrong during a deployment: the rest gets ready, the message is right, and going on mends it.

`make test-long`, more than an hour, has them, and test_1_deployment with twenty killed engines.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping

import pytest

from crowbar.rack.virtual import Fault, FaultKind, set_fault
from crowbar.store.machine_model import MachineView, Order, OrderStatus
from crowbar.store.model import NodeState
from crowbar_inventory.bmc.model import BootDevice
from tests.cluster.conftest import Cluster, ran
from tests.cluster.objects import Objects
from tests.cluster.test_2_day_two import NEW, checked

pytestmark = [pytest.mark.cloud, pytest.mark.long, pytest.mark.timeout(3000)]


def during(cluster: Cluster, at: str, strike: Callable[[], object]) -> tuple[int, str]:
    """Apply everything again, and strike when the step ``at`` begins; the exit code, and what was said."""
    cluster.deploy("--no-verify")  # nothing to do, and the file is written
    process = cluster.start("deploy", str(cluster.file), "--no-verify", "--reapply")
    assert process.stdout is not None
    said: list[str] = []
    struck = False
    for line in process.stdout:
        said.append(line)
        if not struck and f"{at} running" in line:
            strike()
            struck = True
    process.wait()
    process.stdout.close()
    assert struck, f"{at} never ran"
    return process.returncode, "".join(said)


def states(cluster: Cluster) -> dict[str, str]:
    """State and health of each node."""
    return {node["name"]: f"{node['state']} {node['health']}" for node in cluster.json("nodes", "list")["nodes"]}


def mended(cluster: Cluster) -> None:
    """The same command again makes it whole, and the cloud works."""
    cluster.deploy("--no-verify")
    assert set(states(cluster).values()) == {"ready ok"}
    checked(cluster, "computes", "object")


def cut(cluster: Cluster, name: str) -> None:
    """Of a machine and its BMC, the power; by the rack itself, as the command takes longer than some steps do."""
    set_fault(cluster.state.rack, name, Fault(FaultKind.POWER_CUT))


def _at_order(state: NodeState, view: MachineView, order: Order | None) -> bool:
    return view.state is state and order is not None and order.status is OrderStatus.RUNNING


# The moments at which a machine without a system can lose its power.
PHASES: Mapping[str, Callable[[MachineView, Order | None], bool]] = {
    "it boots": lambda view, _: view.state is NodeState.DISCOVERING and view.machine.boot_ordered is not None,
    "it is wiped": lambda view, order: _at_order(NodeState.HARDWARE_INSTALLING, view, order),
    "its image is written": lambda view, order: _at_order(NodeState.INSTALLING, view, order),
    "it boots from its disk": lambda view, _: (
        view.state is NodeState.INSTALLING and view.machine.boot_device is BootDevice.DISK
    ),
}


def cut_at(cluster: Cluster, phase_of: Mapping[str, str]) -> None:
    """Cut the power of each machine at the moment that is named for it; gives up after the time of a command."""
    deadline = time.monotonic() + cluster.limit
    left = dict(phase_of)
    with cluster.context() as context:
        while left and time.monotonic() < deadline:
            for view in context.store.machines.list(hardware=False):
                name = view.machine.name
                if name in left and PHASES[left[name]](view, context.store.orders.current(name)):
                    cut(cluster, name)
                    print(f"{name} has no power any more: {left.pop(name)}")
            time.sleep(0.02)


@pytest.mark.parametrize("at", ["system/system-node@node2", "quantum/quantum-network@node2"])
def test_a_node_loses_its_power_while_roles_are_applied(cluster: Cluster, at: str) -> None:
    """At the first of its roles, and at one of the last. What need not be on it goes on, to the cloud's last role."""
    code, said = during(cluster, at, lambda: cut(cluster, "node2"))
    assert code == 1
    now = states(cluster)
    assert (now["controller"], now["node1"]) == ("ready ok", "ready ok")
    assert now["node2"] == "readying problem"
    assert "dashboard/dashboard-server@controller succeeded" in said
    cluster.run("rack", "fault", "node2", "none")
    mended(cluster)  # it is off until it is powered on


def test_nodes_lose_their_power_before_they_have_a_system(cluster: Cluster) -> None:
    """New ones in one deployment, each at another moment. It takes the ten minutes that servers may boot."""
    before = list(cluster.document["machines"])
    phase_of = {f"node{number}": phase for number, phase in enumerate(PHASES, start=4)}
    cluster.document["machines"] = [*before, *({**NEW, "name": name} for name in phase_of)]
    cluster.proposal("system")["attributes"] = {"journal": {"max_mib": 320}}  # something to do for the others
    cutting = threading.Thread(target=cut_at, args=(cluster, phase_of), daemon=True)
    cutting.start()
    try:
        steps = cluster.deploy("--no-verify", status=1)
        cutting.join()
        assert "system/system-node@node1" in ran(steps)
        now = states(cluster)
        assert {now[name] for name in ("controller", "node1", "node2")} == {"ready ok"}
        machines = cluster.machines()
        assert {name: machines[name]["health"] for name in phase_of} == dict.fromkeys(phase_of, "problem")
    finally:
        for name in phase_of:
            cluster.run("rack", "fault", name, "none")
    begun = time.monotonic()
    mended(cluster)
    print(f"with the power back, deployed and checked in {time.monotonic() - begun:.0f} s")
    cluster.document["machines"] = before
    mended(cluster)


def test_a_disk_is_full(cluster: Cluster) -> None:
    cluster.on(
        "node1", "sh", "-c", "fallocate --length 1T /full 2>/dev/null; test $(df --output=avail / | tail -1) = 0"
    )
    cluster.proposal("system")["attributes"] = {"journal": {"max_mib": 300}}  # what has nothing to write succeeds
    try:
        cluster.deploy("--no-verify", status=1)
        cards = {card["node"]: card for card in cluster.json("explain")["cards"]}
        assert set(cards) == {"node1"}
        assert cards["node1"]["rule"] == "disk-full"
        assert states(cluster)["node2"] == "ready ok"
    finally:
        cluster.on("node1", "rm", "-f", "/full")
    mended(cluster)


def test_the_mirror_is_gone(cluster: Cluster) -> None:
    """Of one node, which lacks a package: what nobody listens at stands for its mirror."""
    gone = "/etc/apt/apt.conf.d/99-gone"
    nobody = 'Acquire { http::Proxy "http://127.0.0.9:9"; https::Proxy "http://127.0.0.9:9"; Retries "0"; };'
    cluster.on("node1", "apt-get", "--quiet=2", "purge", "iputils-ping")
    cluster.on("node1", "sh", "-c", f"echo '{nobody}' > {gone}; apt-get clean")
    try:
        cluster.deploy("--no-verify", "--reapply", status=1)
        cards = {card["node"]: card for card in cluster.json("explain")["cards"]}
        assert set(cards) == {"node1"}
        assert cards["node1"]["rule"] == "mirror-unreachable"
        now = states(cluster)
        assert (now["controller"], now["node2"]) == ("ready ok", "ready ok")
    finally:
        cluster.on("node1", "rm", "-f", gone)
    mended(cluster)
    assert cluster.on("node1", "ping", "-c", "1", "127.0.0.1")


def test_names_do_not_resolve_any_more(cluster: Cluster) -> None:
    """The server is down, and a node asks one that there is not: the deployment itself puts both right."""
    cluster.on("controller", "systemctl", "stop", "crowbar-dns.service")
    cluster.on("node1", "sh", "-c", "echo nameserver 127.0.0.9 > /etc/resolv.conf")
    lost = cluster.on("node1", "sh", "-c", "timeout 20 getent -s dns ahostsv4 node2.crowbar.internal || echo lost")
    assert lost.strip() == "lost"
    steps = cluster.deploy("--no-verify", "--reapply")
    assert {step["status"] for step in steps.values()} == {"succeeded"}
    assert steps["dns/dns-server@controller"]["changed"] and steps["dns/dns-client@node1"]["changed"]
    assert cluster.on("node1", "getent", "-s", "dns", "ahostsv4", "node2.crowbar.internal")
    checked(cluster, "computes", "object")


def test_a_bmc_lies_while_its_node_is_to_be_reinstalled(cluster: Cluster) -> None:
    """It says that it does what it is told, and nothing happens. It takes the ten minutes that servers may boot."""
    objects = Objects(cluster)
    digests = objects.put()
    cluster.deploy("--no-verify")
    cluster.run("machines", "reinstall", "node2", "--yes")
    cluster.run("rack", "fault", "node2", "bmc-lies")
    cluster.proposal("system")["attributes"] = {"journal": {"max_mib": 310}}  # something to do for the others
    try:
        steps = cluster.deploy("--no-verify", status=1)
        assert {step["node"] for step in steps.values() if step["status"] == "skipped"} == {"node2"}
        assert "system/system-node@node1" in ran(steps)
        assert "swift/swift-ring-compute@controller" not in ran(steps)
        now = states(cluster)
        assert (now["controller"], now["node1"]) == ("ready ok", "ready ok")
        assert now["node2"].endswith(" problem")
        assert objects.get() == digests
    finally:
        cluster.run("rack", "fault", "node2", "none")
    mended(cluster)
    assert objects.get() == digests


def test_the_nodes_with_all_copies_of_objects_are_not_taken_out_at_once(cluster: Cluster) -> None:
    objects = Objects(cluster)
    digests = objects.put()
    elements = cluster.proposal("swift")["deployment"]["elements"]
    before = elements["swift-storage"]
    elements["swift-storage"] = ["controller"]
    try:
        cluster.deploy("--no-verify", status=1)
        [card] = [card for card in cluster.json("explain")["cards"] if "swift-ring-compute" in card["step"]]
        assert "have all their copies on node1 and node2" in json.dumps(card)
        assert objects.get() == digests
    finally:
        elements["swift-storage"] = before
    mended(cluster)
    assert objects.get() == digests
    objects.delete()


def test_a_dead_node_is_replaced(cluster: Cluster) -> None:
    """By another machine, and nothing of the dead one is known any more."""
    objects = Objects(cluster)
    digests = objects.put()
    cluster.run("rack", "fault", "node2", "power-cut")
    cluster.run("machines", "delete", "node2", "--yes")
    others = [one for one in cluster.document["machines"] if one["name"] != "node2"]
    cluster.document["machines"] = [*others, {**NEW, "name": "node4"}]
    steps = cluster.deploy("--no-verify")
    assert {"nova/nova-compute@node4", "swift/swift-storage@node4"} <= ran(steps)
    assert states(cluster) == dict.fromkeys(["controller", "node1", "node4"], "ready ok")
    checked(cluster)  # all there is to check; a service or agent of the dead node would fail it
    assert objects.get() == digests
    objects.delete()
    assert ran(cluster.deploy("--no-verify")) == set()
