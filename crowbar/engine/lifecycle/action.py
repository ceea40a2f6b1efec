"""What can be done for a machine: a closed set, and each of it can be done again without harm."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from crowbar.store.model import Health, NodeState


class ActionKind(StrEnum):
    """What to do. After one of `SETTLED` the machine is left until the next round; after others, decide again at once.

    Orders are given with the state's time in mind: a state's order is one that was given in it. So a move is an action
    of its own, and comes first.
    """

    NOTHING = "nothing"
    MOVE = "move"  # to the state `to`, by compare-and-set
    MARK_HEALTH = "mark-health"  # as `health` and `last_error` say
    DISCOVER = "discover"  # boot device PXE; power on, or cycle; then `store.machines.boot_ordered`
    GIVE_INSPECT = "give-inspect"
    GIVE_WIPE = "give-wipe"
    GIVE_INSTALL = "give-install"
    BOOT_DISK = "boot-disk"  # boot device disk; reset, or power on; then the same
    AWAIT_SSH = "await-ssh"  # try once; if it answers with the pinned key, move to `to`
    FORGET = "forget"  # finish its deletion


SETTLED = frozenset((ActionKind.NOTHING, ActionKind.DISCOVER, ActionKind.BOOT_DISK, ActionKind.AWAIT_SSH))


@dataclass(frozen=True)
class Action:
    """One action, and why. ``to``, ``health`` and ``last_error`` are for the kinds that need them."""

    kind: ActionKind
    reason: str
    to: NodeState | None = None
    health: Health | None = None
    last_error: str = ""
