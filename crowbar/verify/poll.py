"""Waiting for something of the cloud, and telling what was seen last when it does not come."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_fixed

from crowbar.verify.model import CheckError

Value = TypeVar("Value")
Waiting = Callable[[str], None]  # is told what was seen instead, once, if the waiting is felt
_FELT = 5.0  # seconds


class NotYet(Exception):  # noqa: N818 - not an error, but the answer of one look of many
    """Raised by a probe: what it saw instead of what is waited for."""


def unheard(_seen: str) -> None:
    """Where nobody reads along."""


def until(
    what: str, probe: Callable[[], Value], *, timeout: float, every: float = 1.0, waiting: Waiting = unheard
) -> Value:
    """What ``probe`` returns, once it no longer raises NotYet; it is called every ``every`` seconds.

    Raises CheckError, saying ``what`` was waited for and what was last seen, after ``timeout`` seconds.
    """
    told = False

    def tell(state: RetryCallState) -> None:
        nonlocal told
        if not told and (state.seconds_since_start or 0) >= _FELT and state.outcome is not None:
            told = True
            waiting(str(state.outcome.exception()))

    attempts = Retrying(
        before_sleep=tell,
        retry=retry_if_exception_type(NotYet),
        stop=stop_after_delay(timeout),
        wait=wait_fixed(every),
        reraise=True,
    )
    try:
        return attempts(probe)
    except NotYet as last:
        raise CheckError(f"{what}: not within {timeout:g} s; last seen: {last}") from last
