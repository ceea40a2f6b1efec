"""The error edge: every kind of end becomes a message and an exit code, and a defect keeps its traceback."""

from __future__ import annotations

import errno
import json
import os
import signal
import threading
from collections.abc import Callable

import click
import pytest

from crowbar.errors import CrowbarError, EnvironmentFault, Fault, InputError, NodeError
from crowbar_cli.edge import guarded, wants_json
from crowbar_cli.interrupt import cancelling, terminable


def raising(error: BaseException) -> Callable[[], None]:
    def run() -> None:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (CrowbarError("It broke.", hint="Mend it."), 1, "crowbar: It broke.\nNext: Mend it.\n"),
        (InputError("Wrong.", faults=[Fault("f:1", "bad")]), 2, "crowbar: Wrong.\n  f:1: bad\n"),
        (EnvironmentFault("No space."), 2, "crowbar: No space.\n"),
        (NodeError("Away."), 1, "crowbar: Away.\n"),
        (click.UsageError("No such option."), 2, "crowbar: No such option.\n"),
        (KeyboardInterrupt(), 130, "\ncrowbar: Stopped. The same command goes on from here.\n"),
        (click.Abort(), 130, "\ncrowbar: Stopped. The same command goes on from here.\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "/var/x"),
            2,
            "crowbar: /var/x: No space left on device.\nNext: Make room there, ",
        ),
        (
            PermissionError(errno.EACCES, "Permission denied", "/etc/x"),
            2,
            "crowbar: /etc/x: Permission denied.\nNext: Run it as root",
        ),
    ],
)
def test_what_is_told(error: BaseException, code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert guarded(raising(error), json=False) == code
    told = capsys.readouterr()
    assert told.err.startswith(said)
    assert told.out == ""
    assert guarded(raising(error), json=True) == code
    document = json.loads(capsys.readouterr().out)["error"]
    assert document["exit_code"] == code
    assert set(document) == {"message", "hint", "faults", "exit_code"}


@pytest.mark.parametrize("error", [ValueError("a defect"), OSError(errno.EINVAL, "Invalid argument")])
def test_a_defect_keeps_its_traceback(error: Exception) -> None:
    with pytest.raises(type(error)):
        guarded(raising(error), json=False)


@pytest.mark.parametrize(("result", "code"), [(None, 0), (0, 0), (3, 3), ("text", 0)])
def test_the_exit_code_of_what_returns(result: object, code: int) -> None:
    assert guarded(lambda: result, json=False) == code


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["plan", "--output", "json"], True),
        (["--output=json", "plan"], True),
        (["plan", "--output", "table"], False),
        (["json", "--output"], False),
        ([], False),
    ],
)
def test_whether_json_is_wanted(words: list[str], wanted: bool) -> None:
    assert wants_json(words) is wanted


def test_the_first_interrupt_asks_and_the_second_does_not() -> None:
    cancel, told = threading.Event(), threading.Event()
    before = signal.getsignal(signal.SIGINT)
    with cancelling(cancel, lambda _text: told.set()):
        os.kill(os.getpid(), signal.SIGINT)
        assert told.wait(5)
        assert cancel.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_termination_unwinds() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), terminable():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before
