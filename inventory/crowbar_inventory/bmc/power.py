"""What a power order means given the power now, and whether it was obeyed. The same for all drivers."""

from __future__ import annotations

import time
from collections.abc import Callable

from crowbar_inventory.bmc.model import BmcError, BmcLiedError, Power, PowerAction

_FIRST_LOOK, _LONGEST_PAUSE = 0.1, 2.0


def command_for(action: PowerAction, now: Power) -> tuple[PowerAction | None, Power]:
    """The order to give (None if it is so already), and the power that shall come of it.

    Cycling or resetting a server that is off turns it on: BMCs refuse it otherwise, and who asks wants it to boot.
    """
    if action in (PowerAction.OFF, PowerAction.SOFT_OFF):
        return None if now is Power.OFF else action, Power.OFF
    if now is Power.OFF:
        return PowerAction.ON, Power.ON
    if action is PowerAction.ON and now is Power.ON:
        return None, Power.ON
    return action, Power.ON


def await_power(
    read: Callable[[], Power],
    wanted: Power,
    action: PowerAction,
    wait: float,
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Power:
    """Look until it is so. After ``wait`` seconds BmcLiedError, or what the BMC last failed with if it can pass."""
    until, pause = clock() + wait, _FIRST_LOOK
    while True:
        try:
            now, fault = read(), None
        except BmcError as error:
            if not error.retry:
                raise
            now, fault = Power.UNKNOWN, error
        if now is wanted:
            return now
        if clock() >= until:
            raise fault or BmcLiedError(
                f"power {action}: the BMC took the order, but after {wait:.0f} s the power is {now}, not {wanted}"
            )
        sleep(min(pause, max(until - clock(), 0)))
        pause = min(pause * 1.5, _LONGEST_PAUSE)
