"""Whole runs against a cloud of one process: what is told, what goes on after a failure, what is left."""

from __future__ import annotations

import dataclasses
import fcntl
import os
import re
import time
from pathlib import Path
from typing import Any

import pytest

from crowbar.errors import EnvironmentFault
from crowbar.verify import Check, CheckName, CheckStatus, CloudAccess, Report, guest, removal, scenario, servers, verify
from crowbar.verify.cloud import Cloud
from crowbar.verify.image import TinyImage
from crowbar.verify.model import NEEDS
from tests.verify.fake_cloud import FakeCloud

N, S = CheckName, CheckStatus


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No real image, and no long waits for what will never come."""
    image = tmp_path / "image"
    image.write_bytes(os.urandom(1 << 16))
    monkeypatch.setattr(scenario, "build_image", lambda cache: TinyImage(image, "d1ge57"))
    monkeypatch.setattr(servers, "ACTIVE_TIMEOUT", 2.0)
    monkeypatch.setattr(removal, "_TIMEOUT", 2.0)
    monkeypatch.setattr(removal, "_EVERY", 0.02)


def unheard(check: Check) -> None:
    """A reporter for tests that look at the report only."""


def statuses(report: Report) -> dict[CheckName, CheckStatus]:
    return {check.name: check.status for check in report.checks}


def detail(report: Report, name: CheckName) -> str:
    return next(check.detail for check in report.checks if check.name is name)


def test_each_check_is_reported_as_it_ends_and_nothing_is_left(
    fake: FakeCloud, access: CloudAccess, tmp_path: Path
) -> None:
    told: list[Check] = []
    report = verify(access, workdir=tmp_path, reporter=told.append, checks=[N.INSTANCE, N.OBJECT])
    assert statuses(report) == dict.fromkeys(
        [N.CATALOG, N.IMAGE, N.NETWORK, N.INSTANCE, N.OBJECT, N.REMOVAL], S.PASSED
    ), [check.detail for check in report.checks]
    assert told == list(report.checks)
    assert report.passed
    assert fake.names() == []
    assert not list((tmp_path / "runs").iterdir())


def test_the_second_project_is_made_and_removed(fake: FakeCloud, access: CloudAccess, tmp_path: Path) -> None:
    report = verify(access, workdir=tmp_path, reporter=unheard, checks=[N.SECOND_PROJECT])
    assert report.passed, [check.detail for check in report.checks]
    assert fake.names() == []


def test_a_wrong_password_fails_the_first_check_and_is_not_told(
    fake: FakeCloud, access: CloudAccess, tmp_path: Path
) -> None:
    wrong = dataclasses.replace(access, password="battery-staple")
    report = verify(wrong, workdir=tmp_path, reporter=unheard)
    assert statuses(report) == {N.CATALOG: S.FAILED}
    assert "authentication" in detail(report, N.CATALOG)
    assert "battery-staple" not in repr(report) + repr(wrong)
    assert not report.passed


def test_what_does_not_stand_on_a_failure_goes_on(fake: FakeCloud, access: CloudAccess, tmp_path: Path) -> None:
    fake.server_status = "ERROR"
    report = verify(access, workdir=tmp_path, reporter=unheard, checks=[N.OBJECT, N.TRANSFER])
    found = statuses(report)
    assert found[N.INSTANCE] is S.FAILED
    assert "No valid host was found." in detail(report, N.INSTANCE)
    assert "| crowbar-tiny: 1.5 s: kernel is up" in detail(report, N.INSTANCE)
    assert detail(report, N.SSH) == "not tried, as instance failed"
    assert detail(report, N.TRANSFER) == "not tried, as ssh failed"
    assert found[N.OBJECT] is found[N.REMOVAL] is S.PASSED
    assert fake.names() == []


def test_an_instance_that_is_not_reached_is_shown_by_its_console(
    fake: FakeCloud, access: CloudAccess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guest, "SSH_TIMEOUT", 0.5)
    monkeypatch.setattr(guest, "_PORT", 9)  # whoever listens on this host at SSH's
    report = verify(access, workdir=tmp_path, reporter=unheard, checks=[N.METADATA])
    assert statuses(report)[N.INSTANCE] is S.PASSED
    assert "last seen: nobody listens: " in detail(report, N.SSH)
    assert "| crowbar-tiny: 1.5 s: kernel is up" in detail(report, N.SSH)
    assert statuses(report)[N.METADATA] is S.FAILED
    assert fake.names() == []


@pytest.mark.parametrize(("check", "ahead"), [(N.COMPUTES, {"-a", "-c0", "-c1"}), (N.METADATA, {"-a"})])
def test_instances_elsewhere_boot_while_the_first_is_waited_for(
    check: CheckName,
    ahead: set[str],
    fake: FakeCloud,
    access: CloudAccess,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are asked for before anybody has logged in to the first one, which nobody ever does here."""
    monkeypatch.setattr(guest, "SSH_TIMEOUT", 0.2)
    fake.hypervisors("node2")  # beside the one that it has
    launched: list[str] = []
    real = servers.launch

    def launch(cloud: Cloud, name: str, *rest: Any) -> Any:
        launched.append(name)
        return real(cloud, name, *rest)

    monkeypatch.setattr(servers, "launch", launch)
    report = verify(access, workdir=tmp_path, reporter=unheard, checks=[check])
    assert statuses(report)[N.SSH] is S.FAILED
    assert {name[name.rindex("-") :] for name in launched} == ahead
    assert fake.names() == []


@pytest.mark.parametrize(("check", "made"), [(N.VOLUME, 1), (N.METADATA, 0)])
def test_a_volume_is_made_while_the_instance_is_waited_for(
    check: CheckName, made: int, fake: FakeCloud, access: CloudAccess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guest, "SSH_TIMEOUT", 0.2)
    report = verify(access, workdir=tmp_path, reporter=unheard, checks=[check])
    assert statuses(report)[N.SSH] is S.FAILED
    assert sum(line.startswith('"POST /volumev3/v3/project-1/volumes ') for line in fake.requests) == made
    assert fake.names() == []


def test_what_stands_on_nothing_goes_at_once_and_the_rest_after_it(
    fake: FakeCloud, access: CloudAccess, tmp_path: Path
) -> None:
    fake.refuse["servers"] = 3
    report = verify(access, workdir=tmp_path, reporter=unheard, checks=[N.INSTANCE])
    assert report.passed, [check.detail for check in report.checks]
    paths = (re.match(r'"DELETE /\w+/v[\d.]+/(?:project-1/)?([\w-]+)/', line) for line in fake.requests)
    asked = [path[1] for path in paths if path]
    last = {kind: place for place, kind in enumerate(asked)}
    assert asked.count("servers") == 4
    assert {"floatingips", "flavors", "images", "os-keypairs"} <= set(asked[: last["servers"]])
    assert last["servers"] < asked.index("routers") < asked.index("networks")
    assert asked.index("ports") < asked.index("networks")


def test_what_was_begun_ahead_fails_in_the_check_that_looks_at_it() -> None:
    assert scenario.begun(lambda: "volume").result() == "volume"
    with pytest.raises(ZeroDivisionError):
        scenario.begun(lambda: 1 // 0).result()


def test_an_object_that_comes_back_different_is_a_failure(fake: FakeCloud, access: CloudAccess, tmp_path: Path) -> None:
    fake.corrupt = True
    report = verify(access, workdir=tmp_path, reporter=unheard, checks=[N.OBJECT, N.IMAGE])
    assert statuses(report)[N.OBJECT] is S.FAILED
    assert "SHA-256" in detail(report, N.OBJECT)
    assert "Glance has image" in detail(report, N.IMAGE)


def test_only_what_the_catalogue_lacks_is_skipped(fake: FakeCloud, access: CloudAccess, tmp_path: Path) -> None:
    fake.services = ["network", "image"]
    report = verify(access, workdir=tmp_path, reporter=unheard)
    found = statuses(report)
    always = (N.CATALOG, N.SERVICES, N.IMAGE, N.NETWORK, N.REMOVAL)
    assert {name: found.pop(name) for name in always} == dict.fromkeys(always, S.PASSED), report
    assert set(found.values()) == {S.SKIPPED}
    assert report.passed


def test_a_cloud_without_an_external_network_is_told_what_it_lacks(
    fake: FakeCloud, access: CloudAccess, tmp_path: Path
) -> None:
    fake.things["networks"].clear()
    report = verify(access, workdir=tmp_path, reporter=unheard, checks=[N.NETWORK])
    assert "router:external" in detail(report, N.NETWORK)


def test_refused_removals_are_tried_again(fake: FakeCloud, access: CloudAccess, tmp_path: Path) -> None:
    fake.refuse = {"networks": 2}
    report = verify(access, workdir=tmp_path, reporter=unheard, checks=[N.NETWORK])
    assert report.passed
    assert fake.names() == []


def test_what_cannot_be_removed_is_told(fake: FakeCloud, access: CloudAccess, tmp_path: Path) -> None:
    fake.refuse = {"networks": 1000}
    report = verify(access, workdir=tmp_path, reporter=unheard, checks=[N.NETWORK])
    assert not report.passed
    assert statuses(report)[N.REMOVAL] is S.FAILED
    assert len(report.leftovers) == 1
    assert "in use" in report.leftovers[0]


def test_ctrl_c_removes_everything_first(
    fake: FakeCloud, access: CloudAccess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object) -> str:
        assert any("-net" in name for name in fake.names())
        raise KeyboardInterrupt

    monkeypatch.setattr(servers, "wait_active", interrupt)
    told: list[Check] = []
    with pytest.raises(KeyboardInterrupt):
        verify(access, workdir=tmp_path, reporter=told.append, checks=[N.INSTANCE])
    assert told[-1].name is N.REMOVAL
    assert fake.names() == []


def test_a_fault_of_the_admin_host_fails_its_check_only(
    fake: FakeCloud, access: CloudAccess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(cache: Path) -> TinyImage:
        raise EnvironmentFault("Cannot write the tiny image: there is no program 'mformat'.", hint="Install mtools.")

    monkeypatch.setattr(scenario, "build_image", nothing)
    report = verify(access, workdir=tmp_path, reporter=unheard, checks=[N.IMAGE, N.OBJECT])
    assert "mformat" in detail(report, N.IMAGE)
    assert statuses(report)[N.OBJECT] is S.PASSED


def test_leftovers_of_dead_runs_are_removed_and_those_of_live_ones_stay(
    fake: FakeCloud, access: CloudAccess, tmp_path: Path
) -> None:
    now = int(time.time())
    killed, live = f"crowbar-verify-{now:08x}0001", f"crowbar-verify-{now:08x}0002"
    old, elsewhere = f"crowbar-verify-{now - 7200:08x}0003", f"crowbar-verify-{now - 60:08x}0004"
    for name in (killed, live, old, elsewhere, "crowbar-verify-mine"):
        fake.add("networks", {"name": f"{name}-net"})
    runs = tmp_path / "runs"
    runs.mkdir()
    (runs / f"{killed}.lock").touch()
    with (runs / f"{live}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        verify(access, workdir=tmp_path, reporter=unheard, checks=[N.CATALOG])
    assert fake.names() == sorted(f"{name}-net" for name in (live, elsewhere, "crowbar-verify-mine"))
    assert [path.stem for path in runs.iterdir()] == [live]


def test_every_check_but_the_removal_has_its_function() -> None:
    assert {*scenario.CHECKS, N.REMOVAL} == set(CheckName)
    assert NEEDS.keys() == set(CheckName)
