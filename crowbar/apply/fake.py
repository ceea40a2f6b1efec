"""An Applier without nodes: it takes its time, fails where it is told to, and remembers what it was asked.

It is what the engine is tried with at scale and what its faults are tested with; its jobs end as real ones do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from crowbar.apply.model import Job, Outcome, Rehearsed, Result, Sink
from crowbar.errors import NodeError
from crowbar.store.model import Node


@dataclass
class FakeApplier:
    """``latency`` is seconds a job; ``failing`` maps a job's key to its error; ``unreachable`` names dead nodes.

    ``publishing`` maps a job's key to the facts that it publishes. ``applied`` lists the keys that succeeded, in
    order, and ``batches`` the jobs' keys of each call.
    """

    latency: float = 0.0
    failing: Mapping[str, str] = field(default_factory=dict)
    unreachable: frozenset[str] = frozenset()
    publishing: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)
    on_start: Callable[[str], None] = lambda _key: None
    applied: list[str] = field(default_factory=list)
    batches: list[tuple[str, ...]] = field(default_factory=list)
    jobs: dict[str, Job] = field(default_factory=dict)
    rehearsals: Mapping[str, Rehearsed] = field(default_factory=dict)  # by a job's key
    journals: Mapping[str, str] = field(default_factory=dict)  # by unit

    def apply(self, node: Node, jobs: Sequence[Job], sink: Sink, cancel: threading.Event, lane: int = 0) -> None:  # noqa: ARG002 (the protocol's)
        """Play the jobs; see `crowbar.apply.model.Applier`."""
        self.batches.append(tuple(job.key for job in jobs))
        if node.name in self.unreachable:
            raise NodeError(f"Node {node.name} does not answer by SSH at {node.address}.")
        for job in jobs:
            if cancel.is_set():
                return
            self.jobs[job.key] = job
            sink.started(job.key)
            self.on_start(job.key)
            sink.line(job.key, "TASK fake")
            if cancel.wait(self.latency):
                sink.finished(job.key, Outcome(Result.CANCELLED, 0, "Cancelled."))
                return
            if error := self.failing.get(job.key):
                sink.finished(job.key, Outcome(Result.FAILED, 0, error))
                return
            self.applied.append(job.key)
            sink.finished(job.key, Outcome(Result.SUCCEEDED, 1, published=self.publishing.get(job.key, {})))

    def rehearse(self, node: Node, jobs: Sequence[Job], cancel: threading.Event) -> list[Rehearsed]:
        """What it was told that each job would change."""
        if node.name in self.unreachable:
            raise NodeError(f"Node {node.name} does not answer by SSH at {node.address}.")
        self.jobs.update({job.key: job for job in jobs})
        return [self.rehearsals.get(job.key, Rehearsed(job.key)) for job in jobs if not cancel.wait(self.latency)]

    def journal(self, node: Node, units: Sequence[str], since: datetime | None) -> str:  # noqa: ARG002 (likewise)
        """The journals of the units, one after the other."""
        return "".join(self.journals.get(unit, "") for unit in units)

    def close(self) -> None:
        """It keeps none."""
