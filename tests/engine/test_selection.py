"""Which steps are left out, and how many failures are too many."""

from __future__ import annotations

import pytest

from crowbar.engine.selection import Selection, most_failures, select
from crowbar.errors import InputError
from tests.engine.conftest import Cloud
from tests.engine.test_board import step

BARCLAMPS = {"nova": "nova", "quantum": "quantum", "neutron": "quantum"}
NODES = {"n1": "n1", "n2": "n2", "gate": "n1"}


def test_words_are_barclamps_and_nodes_by_any_name() -> None:
    found = select(("neutron", "gate"), ("n2",), BARCLAMPS, NODES, {"n9": "broken fan"})
    assert found == Selection(
        frozenset({"quantum"}), frozenset({"n1"}), frozenset(), frozenset({"n2"}), {"n9": "broken fan"}
    )


def test_all_unknown_words_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        select(("nowa",), ("n7",), BARCLAMPS, NODES, {})
    assert [fault.place for fault in caught.value.faults] == ["--only nowa", "--skip n7"]


@pytest.mark.parametrize(
    ("selection", "why"),
    [
        (Selection(), ""),
        (Selection(only_barclamps=frozenset({"b"}), only_nodes=frozenset({"n1"})), ""),
        (Selection(only_barclamps=frozenset({"c"})), "--only c"),
        (Selection(only_nodes=frozenset({"n2"})), "--only n2"),
        (Selection(skip_barclamps=frozenset({"b"})), "--skip b"),
        (Selection(skip_nodes=frozenset({"n1"})), "--skip n1"),
        (Selection(untouched={"n1": "is quarantined: a fan is broken"}), "n1 is quarantined: a fan is broken"),
    ],
)
def test_why_a_step_is_left_out(selection: Selection, why: str) -> None:
    assert selection.why_not(step("one", "n1")) == why


@pytest.mark.parametrize(("text", "most"), [("0", 0), ("3", 3), ("10%", 4), ("100%", 40), ("0%", 0)])
def test_how_many_may_fail(text: str, most: int) -> None:
    assert most_failures(text, 40) == most


@pytest.mark.parametrize("text", ["", "-1", "many", "101%", "3.5"])
def test_what_is_no_number_of_failures(text: str) -> None:
    with pytest.raises(InputError, match="--max-failures"):
        most_failures(text, 40)


def test_only_one_barclamp_on_a_cloud_that_stands(cloud: Cloud) -> None:
    cloud.deploy()
    cloud.inputs["keystone/keystone-server@n1"] = cloud.inputs["database/database-server@n1"] = {"content": "2"}
    cloud.selection = Selection(only_barclamps=frozenset({"keystone"}))
    deployment = cloud.deploy()
    statuses = cloud.statuses(deployment)
    assert statuses["database/database-server@n1"] == "skipped"
    assert statuses["keystone/keystone-server@n1"] == "skipped"  # what it stands on was to change, and did not
    assert deployment.status == "succeeded"
    del cloud.inputs["database/database-server@n1"]
    statuses = cloud.statuses(cloud.deploy())
    assert statuses["keystone/keystone-server@n1"] == "succeeded"
    assert statuses["glance/glance-server@n1"] == statuses["glance/gate@n1"] == "unchanged"


def test_one_barclamp_by_force_stands_on_what_was_done_before(cloud: Cloud) -> None:
    cloud.deploy()
    cloud.selection = Selection(only_barclamps=frozenset({"keystone"}))
    statuses = cloud.statuses(cloud.deploy(force=True))
    assert statuses["keystone/keystone-server@n1"] == statuses["keystone/gate@n1"] == "succeeded"
    assert {status for key, status in statuses.items() if not key.startswith("keystone/")} == {"unchanged"}


def test_too_many_failures_end_the_deployment_and_what_runs_is_let_end(cloud: Cloud) -> None:
    cloud.applier.failing = {"database/database-server@n1": "broken"}
    cloud.max_failures = 0
    deployment = cloud.deploy()
    rows = {row.key: row for row in cloud.store.deployments.steps(deployment.id)}
    assert deployment.status == "failed"
    assert {row.status for row in rows.values()} == {"failed", "cancelled"}
    assert rows["dashboard/gate@n1"].error == "Not begun: more than 0 nodes have failed (n1)."
