"""Instances' networks held to hard reboots; the cloud checked by real clients after a restart of its machine."""

from __future__ import annotations

import pytest

from crowbar.verify.reboots import hard_reboots
from crowbar_cli.checking import cloud_access
from tests.cloud.conftest import Cloud

pytestmark = [pytest.mark.cloud, pytest.mark.timeout(3000)]
REBOOTS = 6  # without what keeps a network up, one in four loses it


def test_instances_keep_their_networks_through_hard_reboots(
    cloud: Cloud, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with cloud.context() as context:
        access = cloud_access(context)
    report = hard_reboots(access, REBOOTS, workdir=tmp_path_factory.mktemp("reboots"))
    assert report.reboots == REBOOTS
    assert report.lost == 0


def test_after_a_restart_the_cloud_is_back_by_itself_and_verify_leaves_nothing(cloud: Cloud) -> None:
    machine = cloud.machine()
    machine.stop()
    machine.start()
    report = cloud.crowbar.json("verify")
    assert {check["name"]: check["status"] for check in report["checks"] if check["status"] != "passed"} == {
        "computes": "skipped"  # there is one hypervisor
    }
    assert len(report["checks"]) >= 10
    assert report["leftovers"] == []
