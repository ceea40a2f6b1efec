"""The states as a table: what each means, which moves lead out of it, and how long silence is borne in it.

Everything else asks this table: `may` before a move, `overdue` for health, `diagram` for the documentation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from crowbar.store.model import Health, NodeState


class Mover(StrEnum):
    """Who makes a move: as the actor of its event, too."""

    AGENT = "agent"  # something that the machine itself sent
    CROWBAR = "crowbar"  # the loop of `crowbar serve`
    ENGINE = "engine"  # a deployment
    OPERATOR = "operator"


@dataclass(frozen=True)
class Move:
    """One allowed move, who makes it, and when."""

    to: NodeState
    by: Mover
    why: str


@dataclass(frozen=True)
class StateRule:
    """One row. ``delayed`` and ``problem``: seconds without a sign of life before the health is that; None is never.

    ``restart`` tells what becomes of a machine in this state while the admin node is killed and started again.
    """

    meaning: str
    moves: tuple[Move, ...]
    restart: str
    delayed: float | None = None
    problem: float | None = None


_RESET = Move(NodeState.RESET, Mover.OPERATOR, "reset or reinstall was asked for")
_DELETE = Move(NodeState.DELETING, Mover.OPERATOR, "it is to be forgotten")
ANYTIME = (_RESET, _DELETE)  # from every state, but for reset and deleting themselves

TABLE: Mapping[NodeState, StateRule] = {
    NodeState.DISCOVERING: StateRule(
        "It is known by its BMC, or booted unasked. It boots the discovery system, and its hardware is awaited.",
        (
            Move(NodeState.DISCOVERED, Mover.AGENT, "its inventory arrived"),
            Move(NodeState.DISCOVERED, Mover.CROWBAR, "its inventory had arrived when the admin node was killed"),
            *ANYTIME,
        ),
        "The agent asks until it is answered. A machine that does not call back is made to boot again after its time.",
        delayed=300,
        problem=900,
    ),
    NodeState.DISCOVERED: StateRule(
        "Its hardware is known. Its agent waits for orders; it may also be switched off.",
        (Move(NodeState.HARDWARE_INSTALLING, Mover.CROWBAR, "it shall be installed"), *ANYTIME),
        "The agent goes on asking for orders. One that was fetched and not answered is handed out again.",
        delayed=180,
        problem=600,
    ),
    NodeState.HARDWARE_INSTALLING: StateRule(
        "Its disks are being wiped.",
        (Move(NodeState.HARDWARE_INSTALLED, Mover.CROWBAR, "its disks are wiped"), *ANYTIME),
        "The agent goes on wiping, and reports when it is heard. An order that was not given yet is given.",
        delayed=180,
        problem=900,
    ),
    NodeState.HARDWARE_INSTALLED: StateRule(
        "Its disks are empty.",
        (Move(NodeState.INSTALLING, Mover.CROWBAR, "it shall be installed"), *ANYTIME),
        "It goes on to the next state.",
        delayed=180,
        problem=600,
    ),
    NodeState.INSTALLING: StateRule(
        "The image is being written; then it boots from its disk, and SSH is awaited.",
        (Move(NodeState.INSTALLED, Mover.CROWBAR, "it answers by SSH with the host key that was put in"), *ANYTIME),
        "The image's stream breaks off: the agent starts it over. What was written already boots, and SSH is awaited.",
        delayed=300,
        problem=900,
    ),
    NodeState.INSTALLED: StateRule(
        "It runs a system of its own, and roles can be applied.",
        (Move(NodeState.READYING, Mover.ENGINE, "a deployment applies roles to it"), *ANYTIME),
        "Nothing: it runs by itself.",
    ),
    NodeState.READYING: StateRule(
        "Roles are being applied, or the last of them did not succeed.",
        (Move(NodeState.READY, Mover.ENGINE, "all of its steps succeeded"), *ANYTIME),
        "It stays; the next deployment goes on.",
    ),
    NodeState.READY: StateRule(
        "All roles that it shall have are applied.",
        (Move(NodeState.READYING, Mover.ENGINE, "a deployment applies roles to it"), *ANYTIME),
        "Nothing: it runs by itself.",
    ),
    NodeState.RESET: StateRule(
        "What it is and has does not count any more. It is made to boot the discovery system.",
        (
            Move(NodeState.DISCOVERING, Mover.CROWBAR, "it was made to boot the discovery system"),
            Move(NodeState.DISCOVERING, Mover.CROWBAR, "its agent was heard again, where Crowbar knows no BMC of it"),
            _DELETE,
        ),
        "It is made to boot, if that was not done yet.",
        delayed=300,
        problem=900,
    ),
    NodeState.DELETING: StateRule("It is being forgotten.", (), "It is forgotten."),
}


def moves(state: NodeState) -> tuple[Move, ...]:
    """The moves that lead out of a state."""
    return TABLE[state].moves


def may(from_: NodeState, to: NodeState) -> bool:
    """Whether a machine may go from one state to the other."""
    return any(move.to is to for move in moves(from_))


def overdue(state: NodeState, since: datetime, now: datetime, times: float = 1) -> Health:
    """What silence means: ``since`` is the last sign of life, or when the machine came into the state if that is later.

    It is borne ``times`` as long as the table says. A clock that was set back makes nobody overdue.
    """
    rule = TABLE[state]
    silent = (now - since).total_seconds() / times
    if rule.problem is not None and silent > rule.problem:
        return Health.PROBLEM
    if rule.delayed is not None and silent > rule.delayed:
        return Health.DELAYED
    return Health.OK
