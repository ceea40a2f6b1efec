from __future__ import annotations

from collections.abc import Callable

import pytest

from crowbar_inventory.bmc.model import (
    BmcBusyError,
    BmcError,
    BmcLiedError,
    BmcRefusedError,
    Power,
    PowerAction,
)
from crowbar_inventory.bmc.power import await_power, command_for


def test_every_order_has_a_meaning_whatever_the_power_is() -> None:
    for now in Power:
        for action in PowerAction:
            command, wanted = command_for(action, now)
            assert wanted is (Power.OFF if action in (PowerAction.OFF, PowerAction.SOFT_OFF) else Power.ON)
            assert command is not None or now is wanted


def test_a_server_that_is_off_is_turned_on_by_a_reset() -> None:
    assert command_for(PowerAction.RESET, Power.OFF) == (PowerAction.ON, Power.ON)
    assert command_for(PowerAction.CYCLE, Power.ON) == (PowerAction.CYCLE, Power.ON)
    assert command_for(PowerAction.ON, Power.UNKNOWN) == (PowerAction.ON, Power.ON)


def reading(*outcomes: Power | BmcError) -> Callable[[], Power]:
    left = list(outcomes)

    def read() -> Power:
        outcome = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(outcome, BmcError):
            raise outcome
        return outcome

    return read


class Clock:
    now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


def test_it_is_looked_at_until_it_is_so_also_past_a_fault_that_can_pass() -> None:
    clock = Clock()
    read = reading(Power.OFF, BmcBusyError("busy"), Power.OFF, Power.ON)
    assert await_power(read, Power.ON, PowerAction.ON, 30, sleep=clock.sleep, clock=clock) is Power.ON
    assert 0 < clock.now < 2


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [(Power.OFF, BmcLiedError), (BmcBusyError("busy"), BmcBusyError), (BmcRefusedError("no"), BmcRefusedError)],
)
def test_when_it_is_not_so_in_time_the_reason_is_said(outcome: Power | BmcError, kind: type[BmcError]) -> None:
    clock = Clock()
    with pytest.raises(kind):
        await_power(reading(outcome), Power.ON, PowerAction.ON, 30, sleep=clock.sleep, clock=clock)
    assert clock.now <= 30
