"""Which known machine it is that boots or registers."""

from __future__ import annotations

from datetime import timedelta

from crowbar.store.columns import now
from crowbar.store.store import Store
from crowbar_inventory.hardware import Identity
from crowbar_inventory.identity import Match, match

_ALIVE = timedelta(seconds=60)  # since an agent was heard


def recognised(store: Store, who: Identity) -> Match:
    """The machine that it is, if it is known.

    Parts are swapped in servers that are off: what only resembles a machine that is at work at this moment is another
    one, however much its vendor made them alike.
    """
    like = store.machines.identities(who)
    machines = [store.machines.get(name) for name in like]
    alive = {one.name for one in machines if one and one.last_seen and now() - one.last_seen < _ALIVE}
    return match(who, like, alive=alive)
