"""Roles whose nodes are chosen."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crowbar.catalog.placement import Candidate, Selection, choose

RACK = [
    Candidate("c1", group="control", rack_position="R1-U01", disks=0, memory_mib=64000, virtualization=True),
    Candidate("n1", group="compute", rack_position="R1-U02", disks=4, memory_mib=128000, virtualization=True),
    Candidate("n2", group="compute", rack_position="R1-U03", disks=4, memory_mib=128000, virtualization=True),
    Candidate("n3", group="compute", rack_position="R2-U01", disks=1, memory_mib=32000, virtualization=False),
    Candidate("n4", group="compute", intended_role="store", rack_position="R3-U01"),
]


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        ({}, ("c1", "n1", "n2", "n3", "n4")),
        ({"group": "compute"}, ("n1", "n2", "n3", "n4")),
        ({"group": "compute", "count": 2}, ("n1", "n2")),
        ({"group": "compute", "count": 3, "spread": "rack_position"}, ("n1", "n3", "n4")),
        ({"intended_role": "store"}, ("n4",)),
        ({"disks": 2}, ("n1", "n2", "n4")),  # what n4 has is not known yet
        ({"virtualization": True, "memory_mib": 100000}, ("n1", "n2", "n4")),
    ],
)
def test_who_is_chosen(selection: dict[str, object], chosen: tuple[str, ...]) -> None:
    found = choose(Selection.model_validate(selection), RACK)
    assert (found.names, found.problem) == (chosen, "")


def test_who_holds_a_role_keeps_it() -> None:
    found = choose(Selection(group="compute", count=2), RACK, holders=("n3", "c1"))
    assert found.names == ("n1", "n3")
    assert found.why["n3"] == "holds it already"
    assert found.why["c1"] == "is in group control, not compute"
    assert "2 others were chosen before it" in found.why["n2"]


def test_too_few_are_a_problem_that_says_of_what() -> None:
    found = choose(Selection(group="compute", count=5), RACK)
    assert found.problem == "asks for 5, and 4 fit (group compute, count 5)"
    assert choose(Selection(group="none"), RACK).problem == "asks for some, and 0 fit (group none)"


@given(
    st.lists(
        st.builds(Candidate, st.text("abc", min_size=1, max_size=3), rack_position=st.sampled_from(["R1-1", "R2", ""])),
        unique_by=lambda one: one.name,
        max_size=12,
    ),
    st.integers(1, 12),
    st.sets(st.text("abc", min_size=1, max_size=3), max_size=5),
)
def test_as_many_as_asked_and_evenly_spread(candidates: list[Candidate], count: int, holders: set[str]) -> None:
    found = choose(Selection(count=count, spread="rack_position"), candidates, holders)
    assert len(found.names) == min(count, len(candidates))
    assert bool(found.problem) == (count > len(candidates))
    assert set(found.why) == {one.name for one in candidates}
    again = choose(Selection(count=count, spread="rack_position"), candidates, found.names)
    assert again.names == found.names  # asked again, nobody has to move
    if not holders and candidates:
        by_name = {one.name: one.cabinet for one in candidates}
        load = {cabinet: [by_name[name] for name in found.names].count(cabinet) for cabinet in by_name.values()}
        room = {cabinet for cabinet in load if load[cabinet] < [*by_name.values()].count(cabinet)}
        assert all(load[cabinet] >= max(load.values()) - 1 for cabinet in room)
