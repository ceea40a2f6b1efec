"""What is handed to a node, and what it hands back."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from crowbar.store.model import Node, StepKind


@dataclass(frozen=True)
class Job:
    """One step as its node will run it. ``variables`` is the whole `crowbar` mapping, secrets revealed.

    ``source`` is the role's folder (for a gate: the tasks file).
    """

    key: str
    kind: StepKind
    source: Path
    role: str = ""
    packages: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Result(StrEnum):
    """How a job ended."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Outcome:
    """The end of a job: ``changed`` counts the tasks that reported a change; ``published`` is the role's facts."""

    result: Result
    changed: int = 0
    error: str = ""
    published: Mapping[str, bytes] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Rehearsed:
    """What a job would change on its node, as the node itself says. ``error`` is why that cannot be seen (to its end).

    ``diffs`` are unified diffs, or lines that say what becomes of a path; ``services`` are what happens to units
    ("restart nova-api.service"); ``commands`` are those that would run; ``others`` are further tasks with a change.
    """

    key: str
    paths: tuple[str, ...] = ()
    diffs: tuple[str, ...] = field(default=(), repr=False)
    packages: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    error: str = ""


class Sink(Protocol):
    """Where a node's reports go, as they happen. Called from the applier's thread."""

    def started(self, key: str) -> None:
        """The node began with this job."""

    def finished(self, key: str, outcome: Outcome) -> None:
        """The job ended."""

    def line(self, key: str, text: str) -> None:
        """One line of what the job prints."""

    def event(self, key: str, kind: str, message: str, data: Mapping[str, Any]) -> None:
        """One thing that happened in the job (a task's result)."""


class Applier(Protocol):
    """Runs jobs on a node, one after the other; a failing one ends the sequence."""

    def apply(self, node: Node, jobs: Sequence[Job], sink: Sink, cancel: threading.Event, lane: int = 0) -> None:
        """Run ``jobs`` on ``node`` in order, reporting to ``sink``. Calls with different ``lane`` may run at once.

        Jobs after a failed one, and all that had not begun when ``cancel`` was set or the connection was lost, are
        not reported as started: whether they run later is the engine's decision. A started job is always reported
        as finished. Raises NodeError when the node cannot be reached at all.
        """

    def rehearse(self, node: Node, jobs: Sequence[Job], cancel: threading.Event) -> Sequence[Rehearsed]:
        """What each of the ``jobs`` would change on ``node``, where it changes nothing now.

        Those that were not begun when ``cancel`` was set are not there. Raises NodeError when the node cannot be
        reached at all.
        """

    def journal(self, node: Node, units: Sequence[str], since: datetime | None) -> str:
        """The last journal lines of these units on the node; "" where they cannot be had quickly."""

    def close(self) -> None:
        """Nothing more is to be done with it: connections that were kept end."""
