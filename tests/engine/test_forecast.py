"""How long a plan would take."""

from __future__ import annotations

import pytest

from crowbar.engine.forecast import Forecast, forecast
from crowbar.engine.plan import Plan
from tests.engine.conftest import Cloud
from tests.engine.test_board import computes, step


def test_nodes_work_beside_each_other_and_each_on_one_step_at_a_time() -> None:
    plan = Plan((*computes(3, 1), step("other", "n0")))
    took = {"b/compute@n0": 10.0, "b/compute@n1": 4.0, "b/compute@n2": 4.0, "b/gate@c": 2.0, "b/page@c": 1.0}
    assert forecast(plan, {**took, "b/other@n0": 5.0}) == Forecast(15.0, 0)
    assert forecast(plan, {**took, "b/other@n0": 1.0}) == Forecast(13.0, 0)


def test_a_role_takes_on_a_new_node_what_it_takes_on_others() -> None:
    plan = Plan(tuple(computes(2, 1)))
    assert forecast(plan, {"b/compute@n9": 6.0, "b/compute@n0": 8.0}) == Forecast(8.0, 2)
    assert forecast(plan, {"b/compute@n9": 6.0}).seconds == pytest.approx(6.0)


def test_what_does_not_run_takes_no_time(cloud: Cloud) -> None:
    cloud.deploy()
    took = {step.key: 3.0 for step in cloud.plan().steps}
    gates = sum(step.kind == "gate" for step in cloud.plan().steps)
    assert forecast(cloud.plan(), took) == Forecast(3.0 * gates, 0)  # on one node, one after the other
    assert forecast(Plan(()), {}) == Forecast(0.0, 0)
