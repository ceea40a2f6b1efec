"""What the appliers' threads tell the engine's: values in one queue, so that one thread alone decides and writes."""

from __future__ import annotations

import queue
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crowbar.apply.model import Outcome
from crowbar.errors import CrowbarError


@dataclass(frozen=True)
class Started:
    """A job began on its node."""

    key: str


@dataclass(frozen=True)
class Finished:
    """A job ended."""

    key: str
    outcome: Outcome


@dataclass(frozen=True)
class Line:
    """A job printed a line."""

    key: str
    text: str


@dataclass(frozen=True)
class Happened:
    """One thing happened in a job."""

    key: str
    kind: str
    message: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Idle:
    """A lane of a node is done with its jobs; with the error that ended them, if one did.

    ``defect`` is a bug of ours.
    """

    node: str
    lane: int = 0
    error: CrowbarError | None = None
    defect: BaseException | None = None


Message = Started | Finished | Line | Happened | Idle


class QueueSink:
    """An applier's sink that puts all into the engine's queue."""

    def __init__(self, messages: queue.SimpleQueue[Message]) -> None:
        self._messages = messages

    def started(self, key: str) -> None:
        """A job began."""
        self._messages.put(Started(key))

    def finished(self, key: str, outcome: Outcome) -> None:
        """A job ended."""
        self._messages.put(Finished(key, outcome))

    def line(self, key: str, text: str) -> None:
        """A job printed a line."""
        self._messages.put(Line(key, text))

    def event(self, key: str, kind: str, message: str, data: Mapping[str, Any]) -> None:
        """Something happened in a job."""
        self._messages.put(Happened(key, kind, message, data))
