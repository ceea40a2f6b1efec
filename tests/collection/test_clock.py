"""What the module clock does to a clock that is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from ansible_collections.crowbar.node.plugins.module_utils import process
from ansible_collections.crowbar.node.plugins.module_utils.process import Finished

from tests.collection.conftest import Run


@dataclass
class Clock:
    """A node's clock as chronyd speaks of it: by how much it is wrong, and who answers."""

    wrong: float = 0.0
    answering: tuple[str, ...] = ("10.0.0.2",)
    fixed: bool = False  # it cannot be set
    container: bool = False
    ran: list[str] = field(default_factory=list)

    def run(self, argv: list[str], **_: object) -> Finished:
        self.ran.append(" ".join(argv[:2]))
        if argv[0] == "systemd-detect-virt":
            return Finished(0 if self.container else 1, "")
        if argv[0] != "chronyd":
            return Finished(0, "")
        if argv[-1].split()[1] not in self.answering:
            return Finished(1, "chronyd version 4.6.1 starting\nTimeout reached")
        if argv[1] == "-Q":
            return Finished(0, f"starting\nSystem clock wrong by {self.wrong:.6f} seconds (ignored)\nexiting")
        if self.fixed:
            return Finished(1, "adjtimex(0x8001) failed : Operation not permitted")
        self.wrong = 0.0
        return Finished(0, "System clock was stepped")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(process, "run", found.run)
    return found


def test_a_clock_that_is_right_is_left_alone(clock: Clock, run_module: Run) -> None:
    clock.wrong = -0.4
    answer = run_module("clock", {"servers": ["10.0.0.1", "10.0.0.2"]})
    assert (answer["changed"], answer["offset"]) == (False, -0.4)
    assert clock.ran == ["chronyd -Q", "chronyd -Q"]  # the first did not answer


@pytest.mark.parametrize("wrong", [3600.2, -3600.2])
def test_one_that_is_an_hour_off_is_set(clock: Clock, run_module: Run, wrong: float) -> None:
    clock.wrong = wrong
    assert run_module("clock", {"servers": ["10.0.0.2"]}, check_mode=True)["changed"]
    assert clock.wrong == wrong
    answer = run_module("clock", {"servers": ["10.0.0.2"]})
    assert (answer["changed"], answer["offset"]) == (True, wrong)
    assert clock.ran[-3:] == ["systemctl stop", "chronyd -q", "systemctl start"]
    assert not run_module("clock", {"servers": ["10.0.0.2"]})["changed"]


def test_what_cannot_be_set_is_told(clock: Clock, run_module: Run) -> None:
    clock.wrong, clock.fixed = 60.0, True
    answer = run_module("clock", {"servers": ["10.0.0.2"]})
    assert answer["failed"] and "wrong by 60.0 s and could not be set: adjtimex" in answer["msg"]
    assert clock.ran[-1] == "systemctl start"
    clock.container = True
    answer = run_module("clock", {"servers": ["10.0.0.2"]})
    assert answer["failed"] and "host's: set it there" in answer["msg"]


def test_servers_that_do_not_answer_are_told(clock: Clock, run_module: Run) -> None:
    answer = run_module("clock", {"servers": ["10.0.0.8", "10.0.0.9"]})
    assert answer["failed"]
    assert answer["msg"] == "No time server answers: 10.0.0.8: Timeout reached; 10.0.0.9: Timeout reached"


def test_without_servers_of_the_clouds_there_is_nothing_to_do(clock: Clock, run_module: Run) -> None:
    assert run_module("clock", {"servers": []})["changed"] is False
    assert clock.ran == []
