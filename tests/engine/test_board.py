"""What a failing step holds back: by role counts, for any plan."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from crowbar.engine.board import LOST, Board
from crowbar.engine.graph import Vertex
from crowbar.engine.step import PlannedStep
from crowbar.store.model import StepKind, StepStatus


def step(role: str, node: str, *requires: str, quorum: int = 1, kind: StepKind = StepKind.APPLY) -> PlannedStep:
    vertex = Vertex(f"b/{role}@{node}", kind, "b", role, node, requires, quorum=quorum)
    return PlannedStep(vertex, {}, will_run=True, reason="new")


def computes(number: int, quorum: int) -> list[PlannedStep]:
    of = [step("compute", f"n{n}", quorum=quorum) for n in range(number)]
    return [*of, step("gate", "c", *(one.key for one in of), kind=StepKind.GATE), step("page", "c", "b/gate@c")]


def test_one_of_three_computes_holds_back_nobody_else() -> None:
    board = Board(computes(3, 1))
    board.settle("b/compute@n0", StepStatus.FAILED)
    board.settle("b/compute@n1", StepStatus.SUCCEEDED)
    board.settle("b/compute@n2", StepStatus.RUNNING)
    assert board.blocked() == []
    assert [one.key for one in board.chain("c")] == []  # the third is waited for
    board.settle("b/compute@n2", StepStatus.SUCCEEDED)
    assert [one.key for one in board.chain("c")] == ["b/gate@c", "b/page@c"]
    assert board.lost_holders("b") == {("compute", "n0")}


def test_what_was_given_up_and_carried_out_all_the_same_counts() -> None:
    """Its node had it in hand already."""
    board = Board(computes(2, 2))
    board.settle("b/compute@n0", StepStatus.CANCELLED)
    assert board.lost_holders("b") == {("compute", "n0")}
    board.settle("b/compute@n0", StepStatus.RUNNING)
    board.settle("b/compute@n0", StepStatus.SUCCEEDED)
    assert board.lost_holders("b") == frozenset()
    board.settle("b/compute@n1", StepStatus.SUCCEEDED)
    assert board.blocked() == []
    assert [one.key for one in board.chain("c")] == ["b/gate@c", "b/page@c"]


def test_a_count_that_can_no_longer_be_met_is_said_at_once() -> None:
    board = Board(computes(3, 3))
    board.settle("b/compute@n1", StepStatus.FAILED)  # the others have not even begun
    said = {one.key: why for one, _, why in board.blocked()}
    assert said["b/gate@c"] == ("It needs compute on 3 of the nodes, and 2 are left: b/compute@n1 did not succeed.")
    assert said["b/page@c"] == "It needs b/gate@c, which did not succeed."
    assert board.blocked() == []


def test_a_node_does_not_go_on_over_a_failure_of_its_own() -> None:
    both = [step("one", "n1"), step("one", "n2"), step("two", "n1", "b/one@n1"), step("two", "n2", "b/one@n2")]
    board = Board(both)
    board.settle("b/one@n1", StepStatus.FAILED)
    board.settle("b/one@n2", StepStatus.SUCCEEDED)
    assert [one.key for one, _, _ in board.blocked()] == ["b/two@n1"]


@st.composite
def plans(draw: st.DrawFn) -> list[PlannedStep]:
    steps: list[PlannedStep] = []
    for number in range(draw(st.integers(1, 6))):
        before = sorted({one.role for one in steps})
        roles = draw(st.sets(st.sampled_from(before))) if before else set()
        requires = [one.key for one in steps if one.role in roles]  # as with real roles: on all of their nodes
        nodes = draw(st.sets(st.sampled_from("abcd"), min_size=1))
        quorum = draw(st.integers(1, len(nodes)))
        steps += [step(f"r{number}", node, *sorted(requires), quorum=quorum) for node in sorted(nodes)]
    return steps


def could_begin(board: Board, node: str) -> list[str]:
    """What the node could do, found by looking at everything."""
    good = {key for key, status in board.status.items() if status in (StepStatus.SUCCEEDED, StepStatus.UNCHANGED)}
    lost = {key for key, status in board.status.items() if status in LOST}
    found: list[str] = []
    for one in board.steps.values():
        if one.node != node or board.status[one.key] is not StepStatus.PENDING:
            continue
        for key in one.requires:
            required = board.steps[key]
            left = sum(k not in lost for k, s in board.steps.items() if s.role == required.role)
            spared = key in lost and required.node != node and left >= required.vertex.quorum
            if key not in good and key not in found and not spared:
                break
        else:
            found.append(one.key)
    return found


@given(plans(), st.data())
def test_every_plan_comes_to_an_end_and_nothing_begins_without_its_needs(
    steps: list[PlannedStep], data: st.DataObject
) -> None:
    """Nodes work beside each other, as in the engine, and end their steps in any order."""
    failing = data.draw(st.sets(st.sampled_from([one.key for one in steps])))
    board = Board(steps)
    busy: dict[str, list[PlannedStep]] = {}
    while True:
        board.blocked()
        while (name := board.next_node({node: len(work) for node, work in busy.items()})) is not None:
            chain = board.chain(name)
            assert [one.key for one in chain] == could_begin(board, name)
            if chain:
                busy[name] = chain
        idle = {one.node for one in steps} - set(busy)
        assert [node for node in idle if could_begin(board, node)] == []  # nobody was forgotten
        if not busy:
            break
        name = data.draw(st.sampled_from(sorted(busy)))
        one = busy[name].pop(0)
        board.settle(one.key, StepStatus.FAILED if one.key in failing else StepStatus.SUCCEEDED)
        if one.key in failing or not busy[name]:
            del busy[name]
            board.stir(name)
    assert board.pending() == []
    assert board.failed_nodes() == {key.partition("@")[2] for key in failing if board.status[key] is StepStatus.FAILED}
    if not failing:
        assert board.all_good
    reachable = {one.key for one in steps if not failing.intersection(_all_before(one, board))}
    assert all(board.status[key] is StepStatus.SUCCEEDED for key in reachable)


def _all_before(one: PlannedStep, board: Board) -> set[str]:
    found = {one.key}
    for key in one.requires:
        found |= _all_before(board.steps[key], board)
    return found


def test_what_was_left_out_is_no_failure_and_neither_is_what_needs_it() -> None:
    board = Board(computes(1, 1))
    board.settle("b/compute@n0", StepStatus.SKIPPED)
    assert [(one.key, status, why) for one, status, why in board.blocked()] == [
        ("b/gate@c", StepStatus.SKIPPED, "It needs b/compute@n0, which is left out."),
        ("b/page@c", StepStatus.SKIPPED, "It needs b/gate@c, which is left out."),
    ]
    assert board.all_good
    assert board.failed_nodes() == set()
