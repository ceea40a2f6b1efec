"""A machine whose clock is an hour off, from its first start on and later: it is right before anything builds on it.

It needs a clock of its own, so it is a virtual machine; all else of its cloud is what is deployed before OpenStack.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.built import state_dir
from tests.cluster.conftest import Cluster

pytestmark = [pytest.mark.cloud, pytest.mark.long, pytest.mark.timeout(3000)]

SERVER, MACHINE = "server", "machine"
BOTH = [SERVER, MACHINE]
DOCUMENT = {
    "machines": [
        {"name": SERVER, "virtual": {"kind": "container", "disk_gib": 6, "memory_mib": 1024, "cpus": 1}},
        {"name": MACHINE, "virtual": {"kind": "vm", "disk_gib": 6, "memory_mib": 1536, "cpus": 2}},
    ],
    "proposals": [
        {"barclamp": "system", "deployment": {"elements": {"system-node": BOTH}}},
        {"barclamp": "ntp", "deployment": {"elements": {"ntp-server": [SERVER], "ntp-client": BOTH}}},
        {"barclamp": "memcached", "deployment": {"elements": {"memcached-server": [MACHINE]}}},
    ],
}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The two machines, one with a clock that stays an hour behind whenever it starts."""
    file = tmp_path_factory.mktemp("clock") / "cluster.yml"
    found = Cluster(state_dir("clock-tests"), file=file, document=dict(DOCUMENT))
    found.write()
    found.forget()
    try:
        with found.start("deploy", str(found.file), "--no-verify") as process:
            try:
                _set_back(found)
                output, _ = process.communicate(timeout=1500)
            finally:
                process.kill()
        assert process.returncode == 0, output[-3000:]
        yield found
    finally:
        found.forget()


def _set_back(cluster: Cluster) -> None:
    """As soon as there is a machine to be set back: long before it is installed, so that the installed system is."""
    deadline = time.monotonic() + 900  # images may have to be built first
    while time.monotonic() < deadline:
        with cluster.start("rack", "fault", MACHINE, "clock-off") as order:
            order.communicate()
        if order.returncode == 0:
            return
        time.sleep(1)
    pytest.fail("there was no rack")


def _off(cluster: Cluster) -> float:
    """By how many seconds the machine's clock differs from this host's, in whose containers the server is."""
    return float(cluster.on(MACHINE, "date", "+%s.%N")) - time.time()


def test_it_is_right_when_the_cloud_is_deployed(two: Cluster) -> None:
    assert abs(_off(two)) < 2
    begun = two.on(MACHINE, "journalctl", "--boot", "--output=short-unix", "--lines=+1", "--quiet").split()[0]
    assert time.time() - float(begun) > 3000  # it really began an hour behind


def test_a_deployment_sets_a_clock_that_jumped(two: Cluster) -> None:
    """At once: chrony, which runs, takes some minutes for it."""
    two.on(MACHINE, "date", "--set", "1 hour")
    assert _off(two) > 3000
    steps = two.deploy("--no-verify", "--reapply", "--only", "ntp")
    assert steps[f"ntp/ntp-clock@{MACHINE}"]["changed"]
    assert abs(_off(two)) < 2


def test_one_that_jumps_later_is_right_again_soon(two: Cluster) -> None:
    two.on(MACHINE, "date", "--set", "1 hour ago")
    deadline = time.monotonic() + 300
    while abs(off := _off(two)) > 2 and time.monotonic() < deadline:
        time.sleep(5)
    assert abs(off) < 2
