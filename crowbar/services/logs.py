"""What happened in a deployment, event by event."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crowbar.errors import InputError
from crowbar.store.model import Deployment, DeploymentStatus, Event

if TYPE_CHECKING:
    from crowbar.services.context import Context

_POLL_SECONDS = 0.5
_PAGE = 500


def deployment(context: Context, number: int | None) -> Deployment:
    """The deployment of that number; for None, the last.

    Raises InputError if there is none.
    """
    store = context.store.deployments
    found = store.last() if number is None else store.get(number)
    if found is None:
        what = "There was no deployment yet." if number is None else f"There is no deployment {number}."
        raise InputError(what, hint="crowbar deployments list")
    return found


def read(
    context: Context, number: int | None = None, *, key: str | None = None, follow: bool = False
) -> Iterator[Event]:
    """The events of a deployment (default: the last), or of its step ``key``, in order.

    With ``follow``, also those to come, until the deployment has ended. Raises InputError for an unknown number or key.
    """
    one = deployment(context, number)
    step = _step_id(context, one, key)
    after = 0
    while True:
        # Asked before the events are read: what is written between the two is then still read, in the next round.
        ended = _ended(context, one.id) or not follow
        while page := context.store.events.read(one.id, step=step, after=after, limit=_PAGE):
            yield from page
            after = page[-1].id
        if ended:
            return
        time.sleep(_POLL_SECONDS)


def _ended(context: Context, number: int) -> bool:
    now = context.store.deployments.get(number)
    return now is None or now.status is not DeploymentStatus.RUNNING


def _step_id(context: Context, one: Deployment, key: str | None) -> int | None:
    if key is None:
        return None
    rows = context.store.deployments.steps(one.id)
    step = next((row.id for row in rows if row.key == key), None)
    if step is None:
        known = ", ".join(row.key for row in rows) or "none"
        raise InputError(f"Deployment {one.id} has no step {key!r}.", hint=f"Its steps: {known}.")
    return step
