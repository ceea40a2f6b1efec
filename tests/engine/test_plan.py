"""The plan is pure: order, reasons, and what follows a change."""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

import pytest

from crowbar.catalog.model import Catalog
from crowbar.engine.graph import build_graph
from crowbar.engine.plan import Known, make_plan
from crowbar.errors import InputError
from crowbar.store.model import Applied
from tests.engine.conftest import CATALOG, ONE_NODE, barclamp, role

if TYPE_CHECKING:
    from tests.engine.conftest import Cloud


def test_every_step_comes_after_what_it_requires() -> None:
    vertices = build_graph(CATALOG, ONE_NODE)
    seen: set[str] = set()
    for vertex in vertices:
        assert seen.issuperset(vertex.requires)
        seen.add(vertex.key)
    assert len(vertices) == 11


def test_a_wanted_barclamp_comes_first_where_it_is_deployed_and_is_not_missed_where_it_is_not() -> None:
    by_key = {vertex.key: vertex for vertex in build_graph(CATALOG, ONE_NODE)}
    assert "swift/gate@n1" in by_key["glance/glance-server@n1"].requires
    without = {name: roles for name, roles in ONE_NODE.items() if name != "swift"}
    by_key = {vertex.key: vertex for vertex in build_graph(CATALOG, without)}
    assert by_key["glance/glance-server@n1"].requires == ("keystone/gate@n1",)


def test_a_circle_of_barclamps_is_named() -> None:
    circle = Catalog(
        {
            "a": barclamp("a", role("ra"), requires=("b",)),
            "b": barclamp("b", role("rb"), requires=("a",)),
        },
        "",
    )
    with pytest.raises(InputError, match=r"a -> b -> a|b -> a -> b"):
        build_graph(circle, {"a": {"ra": ("n1",)}, "b": {"rb": ("n1",)}})


def test_all_is_new_at_first(cloud: Cloud) -> None:
    plan = cloud.plan()
    assert {step.reason for step in plan.steps if step.role != "gate"} == {"new", "after its barclamp's steps"}
    assert plan.to_run == plan.steps


def test_nothing_runs_the_second_time_but_gates_are_checked(cloud: Cloud) -> None:
    cloud.deploy()
    plan = cloud.plan()
    assert plan.to_run == ()
    assert {step.reason for step in plan.steps} == {"unchanged", "checked again"}


def test_a_changed_input_is_named_and_only_its_barclamp_runs(cloud: Cloud) -> None:
    cloud.deploy()
    cloud.inputs["keystone/keystone-server@n1"] = {"content": "1", "attributes.workers": "8"}
    plan = cloud.plan()
    assert {step.key: step.reason for step in plan.to_run} == {
        "keystone/keystone-server@n1": "changed: attributes.workers",
        "keystone/gate@n1": "after its barclamp's steps",
    }


def test_force_runs_all(cloud: Cloud) -> None:
    cloud.deploy()
    assert {step.reason for step in cloud.plan(force=True).to_run} == {"forced", "after its barclamp's steps"}


def test_what_uses_a_fact_that_will_be_made_anew_is_not_settled(cloud: Cloud) -> None:
    cloud.applier.publishing = {"swift/ring@n1": {"rings": b"one"}}
    cloud.deploy()
    cloud.inputs["swift/ring@n1"] = {"content": "2"}
    storage = next(step for step in cloud.plan().steps if step.key == "swift/storage@n1")
    assert not storage.settled
    assert storage.reason == "only if swift/ring@n1 publishes other facts"


def test_the_order_of_removals_is_found_in_a_deep_catalog_too() -> None:
    """Sixty barclamps, each on the two before it: there are more ways through them than could be gone."""
    names = [f"b{number:02}" for number in range(60)]
    deep = Catalog(
        {
            name: barclamp(name, role(f"{name}-role"), requires=tuple(names[max(0, number - 2) : number]))
            for number, name in enumerate(names)
        },
        "shared",
    )
    keys = [f"{name}/{name}-role@n1" for name in names]
    held = {key: Applied(key, key[:3], f"{key[:3]}-role", "n1", "x", {}) for key in keys}
    plan = make_plan(deep, {}, Known(held), lambda _: {})
    assert [step.key for step in plan.steps] == keys[::-1]


def test_a_role_no_longer_wanted_is_removed_the_dependent_first(cloud: Cloud) -> None:
    cloud.deploy()
    cloud.elements = {"database": ONE_NODE["database"]}
    removed = [step.key for step in cloud.plan().to_run if step.kind == "remove"]
    assert removed[-1] == "keystone/keystone-server@n1"
    assert len(removed) == 5


def test_a_role_that_leaves_a_node_goes_between_those_before_and_those_after_it(cloud: Cloud) -> None:
    """The ring loses the device first; what keeps the books of storages does so when the node has been left."""
    catalog = Catalog(
        {"swift": barclamp("swift", role("ring"), role("storage", after=("ring",)), role("books", after=("storage",)))},
        "shared",
    )
    elements = {"swift": {"ring": ("n1",), "storage": ("n1",), "books": ("n1",)}}
    left = Applied("swift/storage@n2", "swift", "storage", "n2", "done")
    plan = make_plan(catalog, elements, Known({left.key: left}), lambda vertex: {"content": vertex.key})
    requires = {step.key: step.requires for step in plan.steps}
    assert requires["swift/storage@n2"] == ("swift/ring@n1",)
    assert "swift/storage@n2" in requires["swift/books@n1"]
    assert "swift/storage@n2" not in requires["swift/storage@n1"]
    TopologicalSorter(requires).prepare()  # there is no circle


def test_removals_of_barclamps_that_build_on_each_other_do_not_wait_in_a_circle() -> None:
    """A compute leaves: nova's controller builds on cinder, whose books wait until the back end has left."""
    clamps = (
        barclamp("cinder", role("api"), role("volume", after=("api",)), role("books", after=("volume",))),
        barclamp(
            *("nova", role("controller"), role("compute", after=("controller",)), role("ledger", after=("compute",))),
            requires=("cinder",),
        ),
    )
    catalog = Catalog({one.name: one for one in clamps}, "shared")
    elements = {
        "cinder": {"api": ("c",), "volume": ("n1",), "books": ("c",)},
        "nova": {"controller": ("c",), "compute": ("n1",), "ledger": ("c",)},
    }
    left = [Applied(f"{b}/{r}@n2", b, r, "n2", "done") for b, r in (("cinder", "volume"), ("nova", "compute"))]
    plan = make_plan(catalog, elements, Known({one.key: one for one in left}), lambda vertex: {"content": vertex.key})
    requires = {step.key: step.requires for step in plan.steps}
    TopologicalSorter(requires).prepare()
    assert "nova/compute@n2" in requires["cinder/volume@n2"]
    assert "cinder/volume@n2" in requires["cinder/books@c"]
    assert "nova/compute@n2" in requires["nova/ledger@c"]
