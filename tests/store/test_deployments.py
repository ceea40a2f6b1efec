"""Deployments, steps and what they leave behind: each finish is all or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crowbar.store import deployments as module
from crowbar.store.deployments import StepDraft
from crowbar.store.model import Applied, Deployment, DeploymentStatus, StepKind, StepRow, StepStatus
from crowbar.store.store import Store


def draft(role: str, status: StepStatus = StepStatus.PENDING) -> StepDraft:
    return StepDraft(f"keystone/{role}@node1", StepKind.APPLY, "keystone", role, "node1", status, "new")


def begin(store: Store, *roles: str) -> tuple[Deployment, Sequence[StepRow]]:
    deployment = store.deployments.create("a cloud", [draft(role) for role in roles])
    return deployment, store.deployments.steps(deployment.id)


def applied(step: StepRow) -> Applied:
    return Applied(step.key, step.barclamp, step.role, step.node, "sha256:1", {"attributes.port": "d1"})


def test_steps_come_in_plan_order(store: Store) -> None:
    before = datetime.now(UTC)
    deployment, steps = begin(store, "z", "a", "m")
    assert [step.role for step in steps] == ["z", "a", "m"]
    assert steps[0] == StepRow(
        steps[0].id, deployment.id, "keystone/z@node1", StepKind.APPLY, "keystone", "z", "node1",
        StepStatus.PENDING, "new",
    )  # fmt: skip
    assert before <= deployment.started <= datetime.now(UTC)
    assert deployment == Deployment(deployment.id, DeploymentStatus.RUNNING, deployment.started, None, "a cloud")


def test_deployments_are_listed_newest_first(store: Store) -> None:
    assert store.deployments.last() is None
    assert store.deployments.get(1) is None
    made = [store.deployments.create(str(n), []) for n in range(3)]
    assert store.deployments.list() == made[::-1]
    assert store.deployments.list(2) == made[:0:-1]
    assert store.deployments.last() == made[2]
    assert store.deployments.get(made[1].id) == made[1]
    assert store.deployments.steps(made[1].id) == []


def test_a_step_runs_and_ends(store: Store) -> None:
    deployment, [step] = begin(store, "a")
    store.deployments.start_step(step.id, "sha256:1")
    [running] = store.deployments.steps(deployment.id)
    assert (running.status, running.identity) == (StepStatus.RUNNING, "sha256:1")
    store.deployments.finish_step(
        step.id,
        StepStatus.SUCCEEDED,
        changed=3,
        applied=applied(step),
        published={"key": b"\0\xff"},
        identity="sha256:2",
    )
    [ended] = store.deployments.steps(deployment.id)
    assert (ended.status, ended.changed, ended.identity, ended.error) == (StepStatus.SUCCEEDED, 3, "sha256:2", "")
    assert ended.started is not None
    assert ended.finished is not None
    assert running.started == ended.started <= ended.finished
    assert ended.finished.utcoffset() == timedelta(0)
    assert store.applied.list() == [applied(step)]
    assert store.applied.get(step.key) == applied(step)
    assert store.applied.get("another") is None
    assert store.published.get("keystone", "key") == b"\0\xff"
    store.deployments.finish(deployment.id, DeploymentStatus.SUCCEEDED)
    last = store.deployments.last()
    assert last is not None
    assert last.status is DeploymentStatus.SUCCEEDED
    assert last.finished is not None


def test_a_failed_step_keeps_its_identity_and_error(store: Store) -> None:
    deployment, [step] = begin(store, "a")
    store.deployments.start_step(step.id, "sha256:1")
    store.deployments.finish_step(step.id, StepStatus.FAILED, error="x" * 20_000)
    [ended] = store.deployments.steps(deployment.id)
    assert (ended.status, ended.identity) == (StepStatus.FAILED, "sha256:1")
    assert ended.error.endswith("x … [20000 bytes]")


def test_what_was_begun_is_not_taken_for_done(store: Store) -> None:
    _, [step] = begin(store, "a")
    store.deployments.start_step(step.id, "sha256:1")
    [begun] = store.applied.list()
    assert begun == Applied(step.key, "keystone", "a", "node1", "")
    assert not begun.holds
    store.deployments.finish_step(step.id, StepStatus.SUCCEEDED, applied=applied(step))
    [done] = store.applied.list()
    assert done == applied(step)
    assert done.holds
    _, [again] = begin(store, "a")
    store.deployments.start_step(again.id, "sha256:2")
    assert store.applied.list() == [replace(applied(step), identity="")]
    store.deployments.finish_step(again.id, StepStatus.FAILED)
    assert store.applied.list() == [replace(applied(step), identity="")]


def test_a_gate_changes_nothing(store: Store) -> None:
    gate = replace(draft("gate"), kind=StepKind.GATE)
    [step] = store.deployments.steps(store.deployments.create("", [gate]).id)
    store.deployments.start_step(step.id, "sha256:1")
    assert store.applied.list() == []


def test_finishing_is_all_or_nothing(store: Store) -> None:
    deployment, [step] = begin(store, "a")
    bad: Any = {"good": b"1", "bad": "no bytes"}
    with pytest.raises(TypeError):
        store.deployments.finish_step(step.id, StepStatus.SUCCEEDED, applied=applied(step), published=bad)
    assert store.deployments.steps(deployment.id) == [step]
    assert store.applied.list() == []
    assert store.published.digests() == {}


def test_a_step_that_is_not_there(store: Store) -> None:
    with pytest.raises(LookupError, match="no step 7"):
        store.deployments.start_step(7, "")
    with pytest.raises(LookupError, match="no step 7"):
        store.deployments.finish_step(7, StepStatus.FAILED)


def test_recovering_closes_what_was_left_open(store: Store) -> None:
    old, _ = begin(store, "a")
    store.deployments.finish(old.id, DeploymentStatus.FAILED)
    deployment, [done, running, _] = begin(store, "a", "b", "c")
    store.deployments.finish_step(done.id, StepStatus.SUCCEEDED)
    store.deployments.start_step(running.id, "")
    [recovered] = store.deployments.recover()
    assert (recovered.id, recovered.status) == (deployment.id, DeploymentStatus.INTERRUPTED)
    assert recovered.finished is not None
    steps = store.deployments.steps(deployment.id)
    assert [step.status for step in steps] == [StepStatus.SUCCEEDED, StepStatus.CANCELLED, StepStatus.CANCELLED]
    assert ["engine ended" in step.error for step in steps] == [False, True, False]
    assert [step.status for step in store.deployments.steps(old.id)] == [StepStatus.PENDING]
    assert store.deployments.recover() == []


def test_expected_durations_are_medians_of_the_last_good_runs(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = datetime(2026, 1, 1, tzinfo=UTC)
    monkeypatch.setattr(module, "now", lambda: clock)
    assert store.deployments.durations() == {}
    for seconds, status in (
        *((1000, StepStatus.SUCCEEDED), (10, StepStatus.SUCCEEDED), (1, StepStatus.FAILED)),
        *((s, StepStatus.SUCCEEDED) for s in (30, 20, 50, 12.5)),
    ):
        _, [step, other] = begin(store, "a", "never run")
        store.deployments.start_step(step.id, "")
        clock += timedelta(seconds=seconds)
        store.deployments.finish_step(step.id, status)
        store.deployments.finish_step(other.id, StepStatus.SUCCEEDED)
    assert store.deployments.durations() == {"keystone/a@node1": 20.0}


def test_what_was_applied_can_be_forgotten(store: Store) -> None:
    _, steps = begin(store, "b", "a", "c")
    for step in steps:
        store.deployments.finish_step(step.id, StepStatus.SUCCEEDED, applied=applied(step))
    assert [entry.role for entry in store.applied.list()] == ["a", "b", "c"]
    store.applied.forget("keystone/b@node1")
    assert [entry.role for entry in store.applied.list()] == ["a", "c"]
    store.applied.forget_node("node2")
    assert len(store.applied.list()) == 2
    store.applied.forget_node("node1")
    assert store.applied.list() == []
