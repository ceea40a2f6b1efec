from __future__ import annotations

import pytest

from crowbar_inventory.bmc.model import BmcBusyError, BmcError, BmcRefusedError, BmcUnreachableError
from crowbar_inventory.bmc.retry import Patience, persist


class Calls:
    def __init__(self, *outcomes: BmcError | str) -> None:
        self.outcomes = list(outcomes)
        self.made = 0

    def __call__(self) -> str:
        self.made += 1
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, BmcError):
            raise outcome
        return outcome


def test_what_may_pass_is_asked_again_with_growing_pauses() -> None:
    calls = Calls(BmcBusyError("busy"), BmcUnreachableError("silent"), BmcBusyError("busy"), "on")
    pauses: list[float] = []
    told: list[str] = []
    patience = Patience(total=60, first=1, longest=3)
    assert persist(calls, patience, told=lambda error, _: told.append(str(error)), sleep=pauses.append) == "on"
    assert told == ["busy", "silent", "busy"]
    for pause, least in zip(pauses, (1, 2, 3), strict=True):
        assert least <= pause <= least + 1


def test_what_cannot_pass_is_not_asked_again() -> None:
    calls = Calls(BmcRefusedError("wrong password"))
    with pytest.raises(BmcRefusedError):
        persist(calls, sleep=lambda _: pytest.fail("it waited"))
    assert calls.made == 1


def test_a_fault_of_our_own_is_not_asked_again() -> None:
    def broken() -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        persist(broken, sleep=lambda _: pytest.fail("it waited"))


def test_the_last_error_comes_when_time_is_over() -> None:
    calls = Calls(BmcUnreachableError("silent"))
    with pytest.raises(BmcUnreachableError, match="silent"):
        persist(calls, Patience(total=0.2, first=0.02, longest=0.05))
    assert 3 <= calls.made <= 12
