"""What goes wrong during a deployment: the rest gets ready, the message is right, and going on mends it.

Twenty killed engines are in test_1_deployment. These take a quarter of an hour: `make test-long`.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.cluster.conftest import Cluster
from tests.cluster.test_2_day_two import checked

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


def test_a_node_loses_its_power(cluster: Cluster) -> None:
    code, said = during(cluster, "nova/nova-compute@node2", lambda: cluster.run("rack", "fault", "node2", "power-cut"))
    assert code == 1
    now = states(cluster)
    assert now["node1"] == "ready ok"
    assert now["node2"] == "readying problem"
    assert "dashboard/gate@controller" in said and "dashboard/dashboard-server@controller succeeded" in said
    cluster.run("rack", "fault", "node2", "none")
    cluster.run("machines", "power", "on", "node2")
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
