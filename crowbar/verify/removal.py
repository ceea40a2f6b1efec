"""Removing what runs made: found by name, so also what a lost answer or a killed run left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from keystoneauth1.exceptions import ClientException
from openstack.exceptions import NotFoundException, SDKException

from crowbar.verify.cloud import Cloud
from crowbar.verify.leavings import WAVES, Kind, Leaving, Mine
from crowbar.verify.model import CheckError
from crowbar.verify.poll import NotYet, until

_TIMEOUT = 180.0  # seconds for all of one wave to be gone
_EVERY = 0.3  # seconds between looks
_ASK_AGAIN = 50  # looks after which a removal that was accepted, but did not happen, is asked for again


def remove(cloud: Cloud, mine: Mine) -> tuple[str, ...]:
    """Remove everything of the runs that ``mine`` names, wave by wave, waiting until it is gone.

    Returns what is still there after some minutes, with the last reason; () if nothing.
    """
    left: list[str] = []
    for wave in WAVES:
        left += _remove_kinds(cloud, [kind for kind in wave if not kind.services or cloud.has(*kind.services)], mine)
    return tuple(left)


def _remove_kinds(cloud: Cloud, kinds: Sequence[Kind], mine: Mine) -> Sequence[str]:
    asked: dict[str, int] = {}  # the id of what was accepted for removal -> looks since then
    left = list(kinds)

    def probe() -> None:
        seen: list[str] = []
        for kind in tuple(left):
            try:
                leavings = list(kind.find(cloud, mine))
            except (SDKException, ClientException) as error:
                seen.append(f"cannot list {kind.name}: {error}")
                continue
            seen += _ask(leavings, asked)
            if not leavings:
                left.remove(kind)
        if seen:
            raise NotYet("; ".join(seen))

    try:
        until("Removal", probe, timeout=_TIMEOUT, every=_EVERY)
    except CheckError as failure:
        return (failure.message,)
    return ()


def _ask(leavings: Sequence[Leaving], asked: dict[str, int]) -> Iterator[str]:
    """Ask for the removal of each, unless that was done a moment ago; yields what is still to go, and why."""
    for leaving in leavings:
        looks = asked[leaving.id] = asked.get(leaving.id, -1) + 1
        reason = _attempt(leaving.remove) if looks % _ASK_AGAIN == 0 else ""
        if reason:
            del asked[leaving.id]  # it was refused: ask again at the next look
        yield f"{leaving} ({reason or 'still there'})"


def _attempt(remove: Callable[[], object]) -> str:
    try:
        remove()
    except NotFoundException:
        return ""
    except (SDKException, ClientException) as error:
        return str(error)
    return ""
