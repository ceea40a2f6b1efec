"""The engine over fake nodes: batches, failures, facts, cancellation, and death at any moment."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from crowbar.engine.board import Board
from crowbar.store.model import DeploymentStatus, Health, Node, NodeKind, NodeState, StepStatus

if TYPE_CHECKING:
    from crowbar.engine.step import PlannedStep
    from tests.engine.conftest import Cloud


def test_a_node_gets_all_it_can_do_in_one_bundle_up_to_where_facts_pass_through_the_engine(cloud: Cloud) -> None:
    deployment = cloud.deploy()
    assert deployment.status is DeploymentStatus.SUCCEEDED
    assert len(cloud.applier.batches) == 2
    assert "swift/ring@n1" in cloud.applier.batches[0]
    assert "swift/storage@n1" in cloud.applier.batches[1]
    assert cloud.store.published.get("swift", "rings") == b"one"


def test_what_there_is_to_do_is_not_looked_for_in_all_steps_again(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A step costs the same in a large cluster: nodes that nothing has changed for are not asked."""
    names = tuple(f"n{number}" for number in range(1, 61))
    for name in names:
        cloud.store.nodes.save(Node(name, NodeKind.CONTAINER, {"admin": "192.0.2.1"}))
    agents = {"swift": {"ring": ("n1",), "storage": names}, "dashboard": {"dashboard-server": names}}
    cloud.elements = {**cloud.elements, **agents}
    asked: list[str] = []
    chain = Board.chain

    def counting(board: Board, node: str) -> list[PlannedStep]:
        asked.append(node)
        return chain(board, node)

    monkeypatch.setattr(Board, "chain", counting)
    deployment = cloud.deploy()
    assert deployment.status is DeploymentStatus.SUCCEEDED
    steps = cloud.statuses(deployment)
    assert len(steps) > 2 * len(names)
    assert len(asked) < 2 * len(steps)


def test_a_second_deployment_applies_nothing_and_checks_the_gates(cloud: Cloud) -> None:
    cloud.deploy()
    cloud.applier.batches.clear()
    deployment = cloud.deploy()
    assert set(cloud.statuses(deployment).values()) == {"unchanged"}
    assert [key for batch in cloud.applier.batches for key in batch if "/gate@" not in key] == []
    assert len([key for batch in cloud.applier.batches for key in batch]) == 5


def test_gates_alone_are_checked_beside_each_other(cloud: Cloud) -> None:
    cloud.deploy()
    cloud.applier.batches.clear()
    cloud.deploy()
    assert [len(batch) for batch in cloud.applier.batches] == [3, 2]


def test_unchanged_facts_leave_their_users_alone_and_changed_ones_do_not(cloud: Cloud) -> None:
    cloud.deploy()
    cloud.inputs["swift/ring@n1"] = {"content": "2"}
    assert cloud.statuses(cloud.deploy())["swift/storage@n1"] == "unchanged"
    cloud.inputs["swift/ring@n1"] = {"content": "3"}
    cloud.applier.publishing = {"swift/ring@n1": {"rings": b"two"}}
    assert cloud.statuses(cloud.deploy())["swift/storage@n1"] == "succeeded"


def test_a_failure_holds_back_only_what_needs_it(cloud: Cloud) -> None:
    cloud.applier.failing = {"swift/storage@n1": "disk full"}
    deployment = cloud.deploy()
    statuses = cloud.statuses(deployment)
    assert deployment.status is DeploymentStatus.FAILED
    assert statuses["swift/storage@n1"] == "failed"
    assert statuses["swift/gate@n1"] == statuses["glance/glance-server@n1"] == "cancelled"
    assert statuses["dashboard/gate@n1"] == "succeeded"
    node = cloud.store.nodes.get("n1")
    assert node is not None
    assert (node.state, node.health) == (NodeState.READYING, Health.PROBLEM)


def test_the_same_deployment_again_goes_on_after_a_failure(cloud: Cloud) -> None:
    cloud.applier.failing = {"swift/storage@n1": "disk full"}
    cloud.deploy()
    cloud.applier.failing = {}
    cloud.applier.applied.clear()
    deployment = cloud.deploy()
    assert deployment.status is DeploymentStatus.SUCCEEDED
    assert [key for key in cloud.applier.applied if "/gate@" not in key] == [
        "swift/storage@n1",
        "glance/glance-server@n1",
    ]
    node = cloud.store.nodes.get("n1")
    assert node is not None
    assert (node.state, node.health) == (NodeState.READY, Health.OK)


def test_a_node_that_does_not_answer_is_quarantined_and_the_others_go_on(cloud: Cloud) -> None:
    cloud.elements = {**cloud.elements, "dashboard": {"dashboard-server": ("n2",)}}
    cloud.applier.unreachable = frozenset({"n2"})
    statuses = cloud.statuses(cloud.deploy())
    assert statuses["dashboard/dashboard-server@n2"] == "failed"
    assert statuses["dashboard/gate@n2"] == "cancelled"
    assert statuses["glance/gate@n1"] == "succeeded"


def test_cancelling_ends_the_running_step_and_leaves_the_rest(cloud: Cloud) -> None:
    cloud.applier.latency = 0.05
    cloud.applier.on_start = lambda key: cloud.cancel.set() if key == "keystone/keystone-server@n1" else None
    deployment = cloud.deploy()
    assert deployment.status is DeploymentStatus.CANCELLED
    statuses = cloud.statuses(deployment)
    assert statuses["database/database-server@n1"] == "succeeded"
    assert statuses["keystone/keystone-server@n1"] == statuses["glance/gate@n1"] == "cancelled"


def test_secrets_in_a_nodes_words_do_not_get_past_the_engine(cloud: Cloud) -> None:
    cloud.secrets = ("correct-horse-battery",)
    cloud.applier.failing = {"database/database-server@n1": "password correct-horse-battery refused"}
    deployment = cloud.deploy()
    row = next(r for r in cloud.store.deployments.steps(deployment.id) if r.status is StepStatus.FAILED)
    assert row.error == "password ******** refused"
    assert not any("correct-horse" in event.message for event in cloud.store.events.read(deployment.id))


def test_a_defect_in_an_applier_is_raised_not_hidden(cloud: Cloud) -> None:
    def fail(key: str) -> None:
        raise ZeroDivisionError(key)

    cloud.applier.on_start = fail
    with pytest.raises(ZeroDivisionError):
        cloud.deploy()


def test_a_role_publishes_what_it_is_there_to_publish_and_nothing_else(cloud: Cloud) -> None:
    cloud.applier.publishing = {
        "swift/ring@n1": {"rings": b"one", "other": b"x"},
        "swift/storage@n1": {"rings": b"forged"},
    }
    cloud.deploy()
    assert cloud.store.published.get("swift", "rings") == b"one"
    assert cloud.store.published.get("swift", "other") is None


def test_a_role_that_does_not_publish_what_it_should_has_failed(cloud: Cloud) -> None:
    cloud.applier.publishing = {}
    deployment = cloud.deploy()
    [failed] = [row for row in cloud.store.deployments.steps(deployment.id) if row.status is StepStatus.FAILED]
    assert failed.error == "The role ended well but did not publish rings."


def test_a_step_that_failed_halfway_runs_again_even_if_the_wish_is_taken_back(cloud: Cloud) -> None:
    cloud.deploy()
    key = "dashboard/dashboard-server@n1"
    cloud.inputs[key] = {"content": "2"}
    cloud.applier.failing = {key: "half done"}
    cloud.deploy()
    del cloud.inputs[key]
    cloud.applier.failing = {}
    assert cloud.statuses(cloud.deploy())[key] == "succeeded"


def test_roles_that_leave_are_removed_and_forgotten(cloud: Cloud) -> None:
    cloud.deploy()
    cloud.elements = {name: roles for name, roles in cloud.elements.items() if name != "dashboard"}
    assert cloud.statuses(cloud.deploy())["dashboard/dashboard-server@n1"] == "succeeded"
    assert "dashboard/dashboard-server@n1" not in {applied.key for applied in cloud.store.applied.list()}
    assert "dashboard/dashboard-server@n1" not in cloud.statuses(cloud.deploy())


def test_a_node_in_maintenance_stays_in_it(cloud: Cloud) -> None:
    cloud.store.nodes.set_state("n1", NodeState.READY, Health.MAINTENANCE)
    cloud.deploy()
    node = cloud.store.nodes.get("n1")
    assert node is not None
    assert node.health is Health.MAINTENANCE


@pytest.mark.parametrize("state", [NodeState.RESET, NodeState.INSTALLING])
def test_what_becomes_of_a_machine_meanwhile_is_not_overwritten(cloud: Cloud, state: NodeState) -> None:
    def taken(key: str) -> None:
        if key == "swift/ring@n1":
            cloud.store.nodes.set_state("n1", state, Health.OK, "reinstall was asked for")

    cloud.applier.on_start = taken
    cloud.applier.failing = {"swift/storage@n1": "disk full"}
    cloud.deploy()
    node = cloud.store.nodes.get("n1")
    assert node is not None
    assert (node.state, node.health, node.last_error) == (state, Health.OK, "reinstall was asked for")


def test_after_a_defect_no_deployment_counts_as_running(cloud: Cloud) -> None:
    def fail(key: str) -> None:
        raise ZeroDivisionError(key)

    cloud.applier.on_start = fail
    with pytest.raises(ZeroDivisionError):
        cloud.deploy()
    last = cloud.store.deployments.last()
    assert last is not None
    assert last.status is DeploymentStatus.INTERRUPTED


@pytest.mark.parametrize("victim", range(0, 11, 2))
def test_killed_at_any_step_the_next_engine_goes_on_and_does_nothing_twice(cloud: Cloud, victim: int) -> None:
    keys = [step.key for step in cloud.plan().steps]
    child = os.fork()
    if child == 0:  # the engine that dies: SIGKILL as its step begins
        cloud.applier.on_start = lambda key: os.kill(os.getpid(), signal.SIGKILL) if key == keys[victim] else None
        cloud.deploy()
        os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    [interrupted] = cloud.store.deployments.recover()
    assert interrupted.status is DeploymentStatus.INTERRUPTED
    before = {row.key for row in cloud.store.deployments.steps(interrupted.id) if row.status is StepStatus.SUCCEEDED}
    deployment = cloud.deploy()
    assert deployment.status is DeploymentStatus.SUCCEEDED
    again = {key for key in cloud.applier.applied if "/gate@" not in key}
    assert again == {key for key in keys if "/gate@" not in key} - before
