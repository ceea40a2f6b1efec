"""Each edit of a proposal is a new revision, and none is ever lost."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crowbar.store.model import Proposal
from crowbar.store.store import Store

PROPOSAL = Proposal("nova", "default", {"virt": {"type": "qemu"}, "ratio": 1}, {"nova-compute": ("node1", "node2")})
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
TREES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3))


def test_each_edit_is_a_revision(store: Store) -> None:
    first = store.proposals.save(PROPOSAL)
    second = store.proposals.save(replace(PROPOSAL, attributes={}))
    assert first == replace(PROPOSAL, revision=1)
    assert (second.revision, store.proposals.get("nova", "default")) == (2, second)
    assert store.proposals.revisions("nova", "default") == [first, second]


def test_an_equal_one_is_no_new_revision(store: Store) -> None:
    first = store.proposals.save(PROPOSAL)
    assert store.proposals.save(replace(PROPOSAL, attributes={"ratio": 1, "virt": {"type": "qemu"}})) == first
    assert store.proposals.save(first) == first


def test_values_that_python_holds_equal_differ(store: Store) -> None:
    for revision, value in enumerate((1, True, 1.0), start=1):
        assert store.proposals.save(replace(PROPOSAL, attributes={"ratio": value})).revision == revision


def test_the_order_of_attributes_is_kept(store: Store) -> None:
    store.proposals.save(replace(PROPOSAL, attributes={"z": 1, "a": 2}))
    saved = store.proposals.get("nova", "default")
    assert saved is not None
    assert list(saved.attributes) == ["z", "a"]


def test_deleting_keeps_the_history(store: Store) -> None:
    first = store.proposals.save(PROPOSAL)
    store.proposals.delete("nova", "default")
    store.proposals.delete("nova", "none such")
    assert store.proposals.get("nova", "default") is None
    assert store.proposals.list() == []
    assert store.proposals.revisions("nova", "default") == [first]
    assert store.proposals.save(PROPOSAL).revision == 2


def test_proposals_are_listed_by_barclamp_and_name(store: Store) -> None:
    for barclamp, name in (("nova", "b"), ("nova", "a"), ("glance", "c")):
        store.proposals.save(replace(PROPOSAL, barclamp=barclamp, name=name))
    listed = [(proposal.barclamp, proposal.name) for proposal in store.proposals.list()]
    assert listed == [("glance", "c"), ("nova", "a"), ("nova", "b")]


def test_edits_at_once_are_all_kept(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        saved = list(pool.map(lambda n: store.proposals.save(replace(PROPOSAL, attributes={"n": n})), range(20)))
    assert sorted(proposal.revision for proposal in saved) == list(range(1, 21))
    assert len(store.proposals.revisions("nova", "default")) == 20


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(attributes=st.dictionaries(st.text(), TREES, max_size=4))
def test_any_attributes_come_back(store: Store, attributes: dict[str, object]) -> None:
    store.proposals.save(replace(PROPOSAL, attributes=attributes))
    saved = store.proposals.get("nova", "default")
    assert saved is not None
    assert saved.attributes == attributes
