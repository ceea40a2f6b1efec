"""What follows from a picture: the estimate, what is waited for, the counts."""

from __future__ import annotations

from crowbar.store.model import StepStatus
from crowbar_cli.progress.picture import doing, remaining, saying, summary

from .scene import ROWS, picture, row


def test_the_estimate_is_the_longest_chain_of_what_is_left() -> None:
    # 6 s left of keystone's 14, its gate 1, glance 5, and glance's gate, never timed, the mean of the known: 20/3.
    assert remaining(picture()) == 6 + 1 + 5 + (14 + 1 + 5) / 3


def test_a_busy_node_decides_where_its_steps_wait_for_nothing_else() -> None:
    rows = [row(f"a/r{number}@node1", StepStatus.PENDING) for number in range(4)]
    expected = {one.key: 10.0 for one in rows}
    assert remaining(picture(rows=rows, requires={}, expected=expected)) == 40


def test_two_nodes_work_side_by_side() -> None:
    rows = [row(f"a/r@node{number}", StepStatus.PENDING) for number in range(4)]
    assert remaining(picture(rows=rows, requires={}, expected={one.key: 10.0 for one in rows})) == 10


def test_there_is_no_estimate_where_little_was_timed() -> None:
    assert remaining(picture(expected={"keystone/gate@node1": 1.0})) is None


def test_a_step_that_takes_longer_than_expected_never_makes_the_estimate_negative() -> None:
    rows = [row("keystone/keystone-server@node1", StepStatus.RUNNING, 0)]
    assert remaining(picture(now=1000, rows=rows)) == 0


def test_it_says_what_it_waits_for() -> None:
    assert doing(picture()) == "waiting for keystone/keystone-server@node1, for 8.0 s of about 14.0 s"
    assert doing(picture(rows=(), message="building the image")) == "building the image"
    assert doing(picture(rows=())) == "preparing"
    assert doing(picture(rows=ROWS[:3], message="handed over")) == "finishing"
    both = [row("a/b@n1", StepStatus.RUNNING, 2), row("a/b@n2", StepStatus.RUNNING, 1)]
    assert doing(picture(rows=both)) == "waiting for a/b@n2, for 21.0 s, and 1 more"


def test_it_says_what_the_step_is_at() -> None:
    assert saying(picture()) == "waits for port 5000"
    assert saying(picture(lines={"keystone/keystone-server@node1": ("TASK Files",)})) == "Files"
    assert saying(picture(lines={})) == saying(picture(rows=())) == ""


def test_what_blocks_a_step() -> None:
    assert picture().blockers("glance/glance-server@node1") == ["keystone/gate@node1"]
    assert picture().blockers("keystone/keystone-server@node1") == []


def test_the_summary_counts_by_status() -> None:
    assert summary(picture()) == "2 succeeded, 1 unchanged, 3 pending"
    assert summary(picture(rows=())) == "no steps"
