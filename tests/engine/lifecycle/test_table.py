"""The states' table is whole, and the documentation shows it as it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crowbar.engine.lifecycle import TABLE, Mover, may, moves, overdue
from crowbar.engine.lifecycle.diagram import diagram, put_into
from crowbar.store.model import Health, NodeState

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "node-states.md"
WAY = (
    NodeState.DISCOVERING,
    NodeState.DISCOVERED,
    NodeState.HARDWARE_INSTALLING,
    NodeState.HARDWARE_INSTALLED,
    NodeState.INSTALLING,
    NodeState.INSTALLED,
    NodeState.READYING,
    NodeState.READY,
)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def test_every_state_has_its_row() -> None:
    assert set(TABLE) == set(NodeState)
    for state, rule in TABLE.items():
        assert rule.meaning.endswith(".") and rule.restart.endswith("."), state
        assert (rule.delayed is None) == (rule.problem is None), state
        assert rule.delayed is None or rule.problem is None or rule.delayed < rule.problem


def test_the_way_of_a_machine_skips_no_state() -> None:
    for place, state in enumerate(WAY):
        forward = {to for to in WAY[place:] if to is not state and may(state, to)}
        assert forward == set(WAY[place + 1 : place + 2]), state
    # The only move back is a deployment's: a ready node that gets more roles.
    back = {(state, to) for place, state in enumerate(WAY) for to in WAY[:place] if may(state, to)}
    assert back == {(NodeState.READY, NodeState.READYING)}


@pytest.mark.parametrize("state", NodeState)
def test_an_operator_can_reset_and_delete_anything_that_is_not_going_already(state: NodeState) -> None:
    going = state is NodeState.DELETING
    assert may(state, NodeState.DELETING) != going
    assert may(state, NodeState.RESET) != (going or state is NodeState.RESET)
    assert not may(state, state)
    by_operator = {move.to for move in moves(state) if move.by is Mover.OPERATOR}
    assert by_operator <= {NodeState.RESET, NodeState.DELETING}


def test_every_state_can_be_reached_and_left() -> None:
    reached, new = set[NodeState](), {NodeState.DISCOVERING}
    while new:
        reached |= new
        new = {move.to for state in new for move in moves(state)} - reached
    assert reached == set(NodeState)
    assert [state for state in NodeState if not moves(state)] == [NodeState.DELETING]


@pytest.mark.parametrize("state", NodeState)
def test_silence_delays_and_then_is_a_problem(state: NodeState) -> None:
    rule = TABLE[state]
    if rule.delayed is None or rule.problem is None:
        assert overdue(state, NOW - timedelta(days=365), NOW) is Health.OK
        return
    for seconds, health in (
        (-3600, Health.OK),
        (rule.delayed, Health.OK),
        (rule.delayed + 1, Health.DELAYED),
        (rule.problem, Health.DELAYED),
        (rule.problem + 1, Health.PROBLEM),
    ):
        assert overdue(state, NOW - timedelta(seconds=seconds), NOW) is health


def test_the_page_shows_the_table_as_it_is() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert put_into(page) == page, "python -m crowbar.engine.lifecycle.diagram docs/explanation/node-states.md"


def test_the_diagram_has_every_state_and_move() -> None:
    drawn = diagram()
    for state, rule in TABLE.items():
        assert f'state "{state}" as' in drawn and f"| `{state}` | {rule.meaning}" in drawn
        for move in rule.moves:
            assert f"`{move.to}` | {move.by} | {move.why} |" in drawn
    with pytest.raises(ValueError, match="no place for the diagram"):
        put_into("a page")
