"""A machine's way from powered off to installed: the states as a table, and what is to be done next. All of it pure."""

from crowbar.engine.lifecycle.action import SETTLED, Action, ActionKind
from crowbar.engine.lifecycle.decide import decide
from crowbar.engine.lifecycle.health import AT_BMC
from crowbar.engine.lifecycle.patience import Patience
from crowbar.engine.lifecycle.table import TABLE, Move, Mover, StateRule, may, moves, overdue

__all__ = [
    "AT_BMC",
    "SETTLED",
    "TABLE",
    "Action",
    "ActionKind",
    "Move",
    "Mover",
    "Patience",
    "StateRule",
    "decide",
    "may",
    "moves",
    "overdue",
]
