"""The watchers: what they say and when, from the engine's threads."""

from __future__ import annotations

import io
import os
import pty
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from crowbar.engine.graph import Vertex
from crowbar.engine.plan import Plan
from crowbar.engine.step import PlannedStep
from crowbar.store.model import StepRow, StepStatus
from crowbar_cli.progress.board import KEPT_LINES, Board, printable
from crowbar_cli.progress.keys import key_presses
from crowbar_cli.progress.live import LiveWatcher
from crowbar_cli.progress.plain import PlainWatcher

from .scene import REQUIRES, ROWS, ended, row


def plan_of(rows: tuple[StepRow, ...]) -> Plan:
    """A plan with these steps."""
    steps = [
        PlannedStep(
            Vertex(one.key, one.kind, one.barclamp, one.role, one.node, REQUIRES.get(one.key, ())),
            {},
            will_run=one.status is StepStatus.PENDING,
            reason=one.reason,
        )
        for one in rows
    ]
    return Plan(tuple(steps), ("cinder keeps volumes in files: no device-mapper",))


def test_plain_lines_tell_the_whole_story() -> None:
    said: list[str] = []
    pending = (
        row("a/one@n", StepStatus.UNCHANGED),
        row("a/two@n", StepStatus.PENDING),
        row("a/gate@n", StepStatus.PENDING),
    )
    with PlainWatcher(said.append) as watcher:
        watcher.message("building the image")
        watcher.planned(plan_of(pending), pending, {"a/two@n": 14.0, "a/gate@n": 1.0})
        watcher.step(row("a/two@n", StepStatus.RUNNING, 0))
        watcher.line("a/two@n", "TASK [Files]\x1b[2J")
        watcher.step(row("a/two@n", StepStatus.SUCCEEDED, 0, 8.2, changed=5))
        watcher.step(row("a/gate@n", StepStatus.FAILED, 9, 10, error="http://n:5000 answered 500"))
        watcher.finished(ended(), [row("a/gate@n", StepStatus.FAILED, 9, 10, error="http://n:5000 answered 500")])
    assert said[:-1] == [
        "building the image",
        "note: cinder keeps volumes in files: no device-mapper",
        "1 step to run, 1 gate to check, 1 unchanged, about 14.0 s",
        "[1/3] a/two@n running, about 14.0 s",
        "[2/3] a/two@n succeeded in 8.2 s (changed 5)",
        "[3/3] a/gate@n failed in 1.0 s\n    http://n:5000 answered 500",
    ]
    assert said[-1].startswith("deployment 3 succeeded after ")
    assert said[-1].endswith("1 succeeded, 1 unchanged, 1 failed")


def test_a_cancelled_step_says_why() -> None:
    said: list[str] = []
    with PlainWatcher(said.append) as watcher:
        watcher.planned(plan_of(ROWS), ROWS, {})
        watcher.step(row("glance/gate@node1", StepStatus.CANCELLED, error="It needs keystone/gate@node1."))
    assert said[-1] == "[4/7] glance/gate@node1 cancelled: It needs keystone/gate@node1."


def test_plain_lines_say_what_is_waited_for_when_nothing_happens() -> None:
    said: list[str] = []
    heard = threading.Event()

    def write(text: str) -> None:
        said.append(text)
        if text.startswith("..."):
            heard.set()

    with PlainWatcher(write, quiet=0.01) as watcher:
        watcher.message("downloading 753 packages")
        assert heard.wait(5)
    assert "... downloading 753 packages" in said


def test_plain_lines_say_what_a_step_waits_for_when_nothing_happens() -> None:
    said: list[str] = []
    with PlainWatcher(said.append, quiet=0.01) as watcher:
        watcher.planned(plan_of(ROWS), ROWS, {})
        watcher.line("keystone/keystone-server@node1", "waits for port 5000")
        deadline = time.monotonic() + 5
        while not any(text.startswith("... waiting") for text in said) and time.monotonic() < deadline:
            time.sleep(0.01)
    [first, *_] = [text for text in said if text.startswith("... waiting")]
    assert first.startswith("... waiting for keystone/keystone-server@node1, for ")
    assert first.endswith(": waits for port 5000")


def test_the_board_keeps_the_last_lines_and_takes_out_what_would_move_the_cursor() -> None:
    board = Board()
    for number in range(KEPT_LINES + 3):
        board.line("a/b@n", f"line {number}\x1b[31m\n")
    kept = board.picture().lines["a/b@n"]
    assert len(kept) == KEPT_LINES
    assert kept[-1] == f"line {KEPT_LINES + 2} [31m"
    board.line(ROWS[3].key, "of another")
    board.step(replace(ROWS[3], status=StepStatus.FAILED))
    board.step(replace(ROWS[3], key="a/b@n", status=StepStatus.SUCCEEDED))
    assert list(board.picture().lines) == [ROWS[3].key]  # of what ended well nobody asks any more
    assert printable("x" * 5000) == "x" * 400


def test_the_board_may_be_told_and_read_by_many_threads() -> None:
    board = Board()
    board.planned(plan_of(ROWS), ROWS, {})

    def tell() -> None:
        for number in range(200):
            board.line("keystone/keystone-server@node1", str(number))
            board.step(replace(ROWS[3], changed=number))

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        board.picture()
    for thread in threads:
        thread.join()
    assert board.picture().rows["keystone/keystone-server@node1"].changed == 199


def test_the_live_tree_on_a_terminal() -> None:
    console = Console(width=80, height=30, force_terminal=True, color_system=None, record=True, file=io.StringIO())
    with LiveWatcher(console) as watcher:
        watcher.planned(plan_of(ROWS), ROWS, {})
        for key, visible in (("l", True), ("x", True), ("L", False)):
            watcher.pressed(key)
            assert watcher.lines_shown is visible
        watcher.finished(ended(), ROWS)
    shown = console.export_text()
    assert "note: cinder keeps volumes in files: no device-mapper" in shown
    assert "Deployment 3 succeeded" in shown


def test_keys_are_read_from_a_terminal_that_is_then_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    import termios

    ours, theirs = pty.openpty()
    pressed: list[str] = []
    with open(theirs, closefd=False) as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        before = termios.tcgetattr(theirs)
        with key_presses(pressed.append):
            os.write(ours, b"lx")
            deadline = time.monotonic() + 5
            while pressed != ["l", "x"] and time.monotonic() < deadline:
                time.sleep(0.01)
        assert termios.tcgetattr(theirs) == before
    os.close(ours)
    os.close(theirs)
    assert pressed == ["l", "x"]


def test_without_a_terminal_no_keys_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        with key_presses(pytest.fail):
            pass
