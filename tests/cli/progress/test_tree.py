"""The live tree, drawn on terminals of recorded sizes."""

from __future__ import annotations

import io
from textwrap import dedent

import pytest
from rich.console import Console

from crowbar.store.model import DeploymentStatus, StepStatus
from crowbar_cli.progress.picture import Picture
from crowbar_cli.progress.tree import draw, overall

from .scene import ROWS, ended, picture, row


def drawn(shown: Picture, *, width: int = 80, height: int = 40, lines: bool = False) -> str:
    """The tree as a terminal of that size shows it, without colours."""
    out = io.StringIO()
    Console(file=out, width=width, height=height, force_terminal=False).print(draw(shown, lines=lines, height=height))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def text(block: str) -> str:
    """A block as it stands in this file."""
    return dedent(block).strip()


def test_a_deployment_in_the_middle() -> None:
    assert drawn(picture()) == text("""
        3 of 7 steps   22.0 s elapsed, about 18.7 s left
        ├── = system  unchanged
        ├── ✓ database  2 of 2 steps, 14.0 s
        ├── ▶ keystone  0 of 2 steps, 8.0 s
        │   ├── ▶ keystone-server@node1  8.0 s of about 14.0 s
        │   └── · gate@node1  waits for keystone-server@node1
        └── · glance  waits for keystone
        waiting for keystone/keystone-server@node1, for 8.0 s of about 14.0 s
          waits for port 5000
        l: the running step's last lines   Ctrl-C: stop cleanly
    """)


def test_the_running_steps_last_lines_are_shown_on_demand() -> None:
    shown = drawn(picture(), lines=True)
    assert "keystone/keystone-server@node1:\n  TASK Files\n  waits for port 5000" in shown
    assert "TASK Files" not in drawn(picture())


def test_a_running_step_that_was_silent_so_far_says_so() -> None:
    assert "(it has printed nothing yet)" in drawn(picture(lines={}), lines=True)


def test_a_failed_steps_last_lines_and_error_are_shown_without_asking() -> None:
    failed = row("keystone/keystone-server@node1", StepStatus.FAILED, 14, 20, error="port 5000 is taken\nby nginx")
    shown = drawn(picture(rows=(*ROWS[:3], failed)))
    assert "✗ keystone" in shown
    assert "  TASK Files\n  waits for port 5000\n  port 5000 is taken\n  by nginx" in shown


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_no_line_is_wrapped_on_any_width(width: int) -> None:
    shown = drawn(picture(), width=width, lines=True)
    assert len(shown.splitlines()) == len(drawn(picture(), width=200, lines=True).splitlines())
    assert max(map(len, shown.splitlines())) <= width


def test_a_low_terminal_folds_what_is_done_and_what_has_not_begun() -> None:
    done = [row(f"done{number}/role@node1", StepStatus.SUCCEEDED, 0, 1) for number in range(9)]
    later = [row(f"later{number}/role@node1", StepStatus.PENDING) for number in range(9)]
    now = [row("now/role@node1", StepStatus.RUNNING, 2)]
    shown = drawn(picture(rows=[*done, *now, *later]), height=14)
    assert len(shown.splitlines()) <= 14
    assert "✓ 9 barclamps  done0, done1" in shown
    assert "· 9 barclamps  later0, later1" in shown
    assert "▶ now" in shown


def test_a_role_on_several_nodes_has_a_line_of_its_own_and_one_for_each_node_not_done() -> None:
    rows = [
        row("nova/nova-compute@node1", StepStatus.SUCCEEDED, 0, 5),
        row("nova/nova-compute@node2", StepStatus.RUNNING, 1),
        row("nova/nova-compute@node3", StepStatus.CANCELLED, error="needs keystone/gate@node1"),
    ]
    assert text("""
        └── ▶ nova  2 of 3 steps, 26.0 s
            └── ▶ nova-compute  2 of 3
                ├── ▶ node2  21.0 s
                └── - node3  needs keystone/gate@node1
    """) in drawn(picture(rows=rows))


def test_of_a_role_on_many_nodes_those_that_tell_most_are_shown_and_the_others_counted() -> None:
    rows = [
        *(row(f"nova/nova-compute@done{number}", StepStatus.SUCCEEDED, 0, 5) for number in range(20)),
        *(row(f"nova/nova-compute@late{number:03}", StepStatus.PENDING) for number in range(900)),
        *(row(f"nova/nova-compute@busy{number}", StepStatus.RUNNING, 20) for number in range(3)),
        row("nova/nova-compute@bad", StepStatus.FAILED, 1, 3, error="no disk"),
        *(row(f"swift/swift-storage@n{number:03}", StepStatus.PENDING) for number in range(900)),
    ]
    shown = drawn(picture(rows=rows, requires={}), height=24)
    assert (
        text("""
            ✗ nova-compute  21 of 924
        │       ├── ✗ bad  no disk
        │       ├── ▶ busy0  2.0 s
        │       ├── ▶ busy1  2.0 s
        │       ├── ▶ busy2  2.0 s
        │       ├── · late000  next
        │       ├── · late001  next
        │       ├── · late002  next
        │       ├── · late003  next
        │       └── · 896 more  896 pending
    """)
        in shown
    )
    assert len(shown.splitlines()) <= 24


def test_a_gate_is_no_part_of_the_role_it_is_checked_from() -> None:
    from dataclasses import replace

    gate = replace(row("keystone/gate@node1", StepStatus.PENDING), role="keystone-server")
    assert "· gate@node1  waits for keystone-server@node1" in drawn(picture(rows=[ROWS[3], gate]))


def test_what_a_barclamp_waits_for_is_told_also_where_its_gate_is_checked_from_that_role() -> None:
    from dataclasses import replace

    gate = replace(row("glance/gate@node1", StepStatus.PENDING), role="glance-server")
    assert "· glance  waits for keystone" in drawn(picture(rows=[*ROWS[:6], gate]))


def test_before_the_plan_it_says_what_it_prepares() -> None:
    assert drawn(picture(rows=(), message="building the image: 120 of 753 packages")) == text("""
        Preparing, 22.0 s
        building the image: 120 of 753 packages
        Ctrl-C: stop cleanly
    """)


def test_the_end_says_how_it_ended_and_waits_for_nothing() -> None:
    shown = drawn(picture(now=40, rows=ROWS[:3], deployment=ended(DeploymentStatus.SUCCEEDED)))
    assert shown.splitlines()[0] == "Deployment 3 succeeded after 40.0 s: 2 succeeded, 1 unchanged"
    assert "Ctrl-C" not in shown


@pytest.mark.parametrize(
    ("statuses", "whole"),
    [
        ((StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.RUNNING), StepStatus.FAILED),
        ((StepStatus.SUCCEEDED, StepStatus.PENDING), StepStatus.RUNNING),
        ((StepStatus.UNCHANGED, StepStatus.PENDING), StepStatus.PENDING),
        ((StepStatus.SUCCEEDED, StepStatus.CANCELLED), StepStatus.CANCELLED),
        ((StepStatus.SUCCEEDED, StepStatus.UNCHANGED), StepStatus.SUCCEEDED),
        ((StepStatus.UNCHANGED,), StepStatus.UNCHANGED),
    ],
)
def test_several_statuses_as_one(statuses: tuple[StepStatus, ...], whole: StepStatus) -> None:
    assert overall([row(f"a/b@n{number}", status) for number, status in enumerate(statuses)]) is whole
