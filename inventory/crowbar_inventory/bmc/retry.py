"""The one place that decides when a BMC is asked again: what may pass is, with growing pauses, and not for ever."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_before_delay,
    wait_exponential,
    wait_random,
)

from crowbar_inventory.bmc.model import BmcError

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """Seconds: asked again after about ``first``, then twice that, at most ``longest``; given up after ``total``."""

    total: float = 60
    first: float = 0.5
    longest: float = 10


def persist(
    call: Callable[[], T],
    patience: Patience = Patience(),  # immutable
    *,
    told: Callable[[BmcError, float], None] = lambda _error, _pause: None,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """What the call gives, made again while it fails with a BmcError that can pass; then the last error is raised.

    ``told`` hears of each failure that is not the last, and of the pause after it. The pauses vary by chance, so that
    a rack whose power came back is not asked in step. No attempt begins after ``patience.total`` seconds.
    """

    def before_sleep(state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, BmcError) and state.next_action:
            told(error, state.next_action.sleep)

    retrying = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, BmcError) and error.retry),
        stop=stop_before_delay(patience.total),
        wait=wait_exponential(multiplier=patience.first, max=patience.longest) + wait_random(0, patience.first),
        before_sleep=before_sleep,
        sleep=sleep,
        reraise=True,
    )
    return retrying(call)
