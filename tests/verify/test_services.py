"""A cloud that has just been started: what is waited for, what counts as there, and what is told meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from crowbar.verify import CheckName, CheckStatus, CloudAccess, cloud, poll, services, verify
from crowbar.verify.cloud import sign_in
from crowbar.verify.model import Check, CheckError
from tests.verify.fake_cloud import FakeCloud


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "SETTLE_TIMEOUT", 2.0)
    monkeypatch.setattr(cloud, "SIGN_IN_TIMEOUT", 3.0)


def worker(fake: FakeCloud, **fields: object) -> dict[str, object]:
    fake.things["services"].clear()
    known = {"binary": "nova-compute", "host": "node2", "state": "up", "status": "enabled", "updated_at": "long ago"}
    return fake.add("services", {**known, **fields})


def test_a_keystone_that_comes_up_is_waited_for(fake: FakeCloud, access: CloudAccess) -> None:
    fake.refusals = 2
    assert sign_in(access).has("compute")


def test_a_keystone_that_stays_away_is_told_with_its_address(fake: FakeCloud, access: CloudAccess) -> None:
    fake.refusals = 1000
    with pytest.raises(CheckError, match=rf"Keystone at {access.auth_url}: not within 3 s; last seen: .*503"):
        sign_in(access)


def test_every_service_of_the_catalogue_must_answer(fake: FakeCloud, access: CloudAccess) -> None:
    known = sign_in(access)
    fake.refusals = 1
    assert services.answering(known) == len(fake.services) + 1  # Keystone too
    fake.refusals = 1000
    with pytest.raises(CheckError, match="image answers 503"):
        services.answering(known)


def test_a_service_that_went_down_is_named(fake: FakeCloud, access: CloudAccess) -> None:
    worker(fake, state="down")
    with pytest.raises(CheckError, match="nova-compute on node2 is down, last report long ago"):
        services.reporting(sign_in(access))


def test_a_report_from_before_does_not_count(
    fake: FakeCloud, access: CloudAccess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nova shows a service as up for a minute after its node has lost its power."""
    worker(fake)
    monkeypatch.setattr(FakeCloud, "report", lambda self, item: item)
    with pytest.raises(CheckError, match="nova-compute on node2 is up, last report long ago"):
        services.reporting(sign_in(access))


def test_only_what_the_operator_switched_off_may_be_down(fake: FakeCloud, access: CloudAccess) -> None:
    worker(fake, state="down", status="disabled", disabled_reason="a new fan")
    assert services.reporting(sign_in(access)) == 1
    worker(fake, status="disabled", disabled_reason="AUTO: Connection to libvirt lost: 1")
    with pytest.raises(CheckError, match="nova-compute on node2 is down"):
        services.reporting(sign_in(access))


def test_a_dead_agent_is_named_and_what_else_works_is_shown(
    fake: FakeCloud, access: CloudAccess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poll, "_FELT", 0.5)
    next(iter(fake.things["agents"].values()))["alive"] = False
    told: list[Check] = []
    report = verify(access, workdir=tmp_path, reporter=told.append, checks=[CheckName.SERVICES, CheckName.OBJECT])
    found = {check.name: check.status for check in report.checks}
    assert found[CheckName.SERVICES] is CheckStatus.FAILED
    assert found[CheckName.OBJECT] is CheckStatus.PASSED
    waiting = [check for check in told if check.status is CheckStatus.WAITING]
    assert [(check.name, check.detail) for check in waiting] == [
        (CheckName.SERVICES, "ovn-controller on node1 is down")
    ]
