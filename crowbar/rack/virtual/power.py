"""What becomes of a machine's power: one pure table."""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """What its power hears of: orders to the BMC, and what the machine itself did."""

    ON = "on"
    OFF = "off"
    RESET = "reset"
    SOFT_OFF = "soft-off"
    REBOOTED = "rebooted"  # the guest restarted itself
    ENDED = "ended"  # the guest switched itself off, or its process was killed


class Action(StrEnum):
    """What is to be done then."""

    START = "start"
    KILL = "kill"
    ASK = "ask"  # the operating system to shut down


_TABLE: dict[tuple[bool, Event], tuple[bool, tuple[Action, ...]]] = {
    (False, Event.ON): (True, (Action.START,)),
    (True, Event.OFF): (False, (Action.KILL,)),
    (True, Event.RESET): (True, (Action.KILL, Action.START)),
    (True, Event.SOFT_OFF): (True, (Action.ASK,)),
    # It is killed as it may be more than dead: QEMU stays, paused, to tell why the guest ended.
    (True, Event.REBOOTED): (True, (Action.KILL, Action.START)),
    (True, Event.ENDED): (False, (Action.KILL,)),
}


def decide(on: bool, event: Event) -> tuple[bool, tuple[Action, ...]]:
    """Whether the power is on after the event, and what to do. What does not apply changes nothing."""
    return _TABLE.get((on, event), (on, ()))
