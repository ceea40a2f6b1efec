"""Running a plan: one thread decides and writes rows, one thread a busy node talks to it.

The rows are the only truth (see `crowbar.engine.record`), so the engine may be killed at any moment; `crowbar.store`
marks what it left as interrupted, and a new plan, made from the rows, goes on from there.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from crowbar.apply.model import Applier, Job, Outcome, Result
from crowbar.engine.board import LOST, Board, lanes
from crowbar.engine.messages import Finished, Happened, Idle, Line, Message, QueueSink, Started
from crowbar.engine.plan import Known, Plan, decide
from crowbar.engine.record import Record
from crowbar.engine.redact import Redactor
from crowbar.engine.selection import ALL, LEFT_OUT, Selection
from crowbar.engine.step import PlannedStep
from crowbar.engine.watch import Watcher
from crowbar.errors import CrowbarError, NodeError
from crowbar.store.deployments import StepDraft
from crowbar.store.model import (
    RUNNING_STATES,
    Deployment,
    DeploymentStatus,
    Health,
    Node,
    NodeState,
    StepKind,
    StepStatus,
)
from crowbar.store.store import Store

_MOST_NODES_AT_ONCE = 128  # the nodes do the work: here each is a few threads that wait, and a connection that is kept
_GATE_LANES = 2
_POLL_SECONDS = 0.3  # how soon a cancellation is seen, and events are written at the latest
_STATUS = {
    Result.SUCCEEDED: StepStatus.SUCCEEDED,
    Result.FAILED: StepStatus.FAILED,
    Result.CANCELLED: StepStatus.CANCELLED,
}


class Run:
    """One execution of one plan."""

    def __init__(
        self,
        store: Store,
        applier: Applier,
        watcher: Watcher,
        nodes: Mapping[str, Node],
        job_of: Callable[[PlannedStep, frozenset[tuple[str, str]]], Job],
        redactor: Redactor,
        *,
        cancel: threading.Event,
        force: bool = False,
        selection: Selection = ALL,
        max_failures: int | None = None,
    ) -> None:
        """``job_of`` makes a step's job, secrets and facts revealed, at the moment that it is handed to its node.

        It is told which roles of the step's barclamp were lost on which nodes.
        """
        self._store = store
        self._applier = applier
        self._watcher = watcher
        self._nodes = nodes
        self._job_of = job_of
        self._cancel = cancel
        self._force = force
        self._selection = selection
        self._max_failures = max_failures
        self._messages: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._busy: Counter[str] = Counter()  # how many lanes of a node are at work
        self._handed: dict[tuple[str, int], tuple[str, ...]] = {}  # what each of these lanes was given
        self._board = Board(())
        self._record = Record(store, watcher, redactor)

    def __call__(self, plan: Plan, summary: str) -> Deployment:
        """Run the plan to its end and give the finished deployment; failures of steps are in its rows."""
        self._board = Board(plan.steps)
        deployment = self._open(plan, summary)
        with ThreadPoolExecutor(_MOST_NODES_AT_ONCE, thread_name_prefix="apply") as pool:
            try:
                self._loop(pool)
            except BaseException:
                self._cancel.set()  # the appliers' threads must end before the pool can
                self._give_up()
                raise
            finally:
                self._record.flush()
        return self._record.close(deployment, self._conclude())

    def _give_up(self) -> None:
        """After a defect of ours: no row may say that this deployment still runs."""
        with contextlib.suppress(CrowbarError):  # what is raised already tells more than that the store is away too
            self._store.deployments.recover()

    def _open(self, plan: Plan, summary: str) -> Deployment:
        for step in plan.steps:
            if not step.will_run and step.settled and step.kind is StepKind.APPLY:
                self._board.settle(step.key, StepStatus.UNCHANGED)
        left_out = self._leave_out(plan)
        drafts = [
            StepDraft(
                s.key, s.kind, s.barclamp, s.role, s.node, self._board.status[s.key], left_out.get(s.key, s.reason)
            )
            for s in plan.steps
        ]
        return self._record.open(plan, summary, drafts)

    def _leave_out(self, plan: Plan) -> dict[str, str]:
        """Why steps are left out, by key. One that has nothing to do is as good as done, also if it is a gate."""
        found: dict[str, str] = {}
        for step in plan.steps:
            if self._board.status[step.key] is StepStatus.PENDING and (why := self._selection.why_not(step)):
                idle = not step.will_run and step.settled
                self._board.settle(step.key, StepStatus.UNCHANGED if idle else StepStatus.SKIPPED)
                found[step.key] = f"{LEFT_OUT}{why}"
        return found

    def _too_many_failed(self) -> bool:
        return self._max_failures is not None and len(self._board.failed_nodes()) > self._max_failures

    def _loop(self, pool: ThreadPoolExecutor) -> None:
        message: Message | None = None
        while True:
            # Most messages tell what tasks did: only by the end of a step, or of a lane's work, is there more to do.
            frees = message is None or isinstance(message, Finished | Idle)
            if frees and not self._cancel.is_set() and not self._too_many_failed():
                self._dispatch(pool)
            if not self._busy.total():
                return
            try:
                message = self._messages.get(timeout=_POLL_SECONDS)
                self._take(message)
            except queue.Empty:
                self._record.flush()

    def _dispatch(self, pool: ThreadPoolExecutor) -> None:
        """Give every idle node what it can do now."""
        for step, status, why in self._board.blocked():
            self._finish(step.key, status, error=why)
        while (name := self._board.next_node(self._busy)) is not None:
            chain = self._board.chain(name)
            needed = [step for step in chain if self._still_needed(step)]
            if needed:
                self._hand_over(name, [self._board.steps[step.key] for step in needed], pool)
            elif chain:  # all had nothing to do: there may be more to do here now
                self._board.stir(name)

    def _hand_over(self, name: str, chain: Sequence[PlannedStep], pool: ThreadPoolExecutor) -> None:
        self._set_state(name, NodeState.READYING, Health.OK)
        for lane, steps in enumerate(lanes(chain, _GATE_LANES)):
            jobs = [self._job_of(step, self._board.lost_holders(step.barclamp)) for step in steps]
            self._busy[name] += 1
            self._handed[name, lane] = tuple(job.key for job in jobs)
            self._watcher.message(f"{name}: {len(jobs)} steps handed over, from {jobs[0].key}")
            pool.submit(self._apply, self._nodes[name], lane, jobs)

    def _still_needed(self, step: PlannedStep) -> bool:
        """Decide a step for good, now that the facts it uses are there; one with nothing to do is done."""
        if step.kind is StepKind.GATE:
            mine = {key: self._board.steps[key].identity for key in step.requires}
            self._board.replace(replace(step, inputs={**step.inputs, **mine}))
            return True
        if step.kind is StepKind.REMOVE or not step.vertex.consumes:
            return True
        applied = self._store.applied.get(step.key)
        known = Known({step.key: applied} if applied else {}, self._store.published.digests())
        decided = decide(step, known, force=self._force)
        self._board.replace(decided)
        if not decided.will_run:
            self._finish(step.key, StepStatus.UNCHANGED)
        return decided.will_run

    def _apply(self, node: Node, lane: int, jobs: Sequence[Job]) -> None:
        """In a thread of the pool: the only place where an applier's trouble is caught."""
        idle = Idle(node.name, lane)
        try:
            self._applier.apply(node, jobs, QueueSink(self._messages), self._cancel, lane)
        except CrowbarError as error:
            idle = Idle(node.name, lane, error=error)
        except Exception as defect:  # noqa: BLE001 (raised again in the engine's thread)
            idle = Idle(node.name, lane, defect=defect)
        self._messages.put(idle)

    def _take(self, message: Message) -> None:
        match message:
            case Started(key):
                self._start(key)
            case Finished(key, outcome):
                self._ended(key, outcome)
            case Line(key, text):
                self._record.line(key, text)
            case Happened(key, kind, text, data):
                self._record.event(kind, text, key, data)
            case Idle(node, lane, error, defect):
                self._idle(node, lane, error)
                if defect is not None:
                    raise defect

    def _start(self, key: str) -> None:
        self._record.start(self._board.steps[key])
        self._board.settle(key, StepStatus.RUNNING)

    def _ended(self, key: str, outcome: Outcome) -> None:
        step = self._board.steps[key]
        status = _STATUS[outcome.result]
        # A node may publish what its role is there to publish, and nothing else.
        published = {
            name: value for name, value in outcome.published.items() if (step.barclamp, name) in step.vertex.produces
        }
        missing = [name for _, name in step.vertex.produces if name not in published]
        if status is StepStatus.SUCCEEDED and missing and step.kind is StepKind.APPLY:
            error = f"The role ended well but did not publish {', '.join(missing)}."
            self._finish(key, StepStatus.FAILED, changed=outcome.changed, error=error)
            return
        if step.kind is StepKind.GATE and status is StepStatus.SUCCEEDED and not step.will_run:
            status = StepStatus.UNCHANGED
        self._finish(key, status, changed=outcome.changed, error=outcome.error, published=published)

    def _finish(
        self,
        key: str,
        status: StepStatus,
        *,
        changed: int = 0,
        error: str = "",
        published: Mapping[str, bytes] | None = None,
    ) -> None:
        self._record.finish(self._board.steps[key], status, changed=changed, error=error, published=published)
        self._board.settle(key, status)

    def _idle(self, node: str, lane: int, error: CrowbarError | None) -> None:
        """A node's lane is free again. One that cannot be reached is quarantined: none of its steps is tried again."""
        self._busy[node] -= 1
        handed = self._handed.pop((node, lane))
        if self._cancel.is_set():
            return
        self._board.stir(node)
        if error is None and all(self._board.status[key] is StepStatus.PENDING for key in handed):
            error = NodeError(f"Node {node} began with none of the steps that it was given.")
        if error is None:
            return
        text = str(error)
        self._record.event("node.quarantined", text)
        left = [key for key in handed if self._board.status[key] in {StepStatus.PENDING, StepStatus.RUNNING}]
        for key in left[:1]:
            self._finish(key, StepStatus.FAILED, error=text)
        for step in self._board.pending_of(node):
            self._finish(
                step.key, StepStatus.CANCELLED, error=f"Node {node} is quarantined: see {(left or handed)[0]}."
            )

    def _conclude(self) -> DeploymentStatus:
        """Close the rows that were left, set the nodes' states, and name the deployment's end."""
        why = "Cancelled before it began."
        if self._too_many_failed():
            failed = ", ".join(sorted(self._board.failed_nodes()))
            why = f"Not begun: more than {self._max_failures} nodes have failed ({failed})."
            self._watcher.message(why)
        for step in self._board.pending():
            self._finish(step.key, StepStatus.CANCELLED, error=why)
        for name in {step.node for step in self._board.steps.values()}.difference(self._selection.untouched):
            self._settle(name)
        if self._board.all_good:
            return DeploymentStatus.SUCCEEDED
        return DeploymentStatus.CANCELLED if self._cancel.is_set() else DeploymentStatus.FAILED

    def _settle(self, name: str) -> None:
        """A node is ready only if all its steps say so."""
        statuses = self._board.of_node(name)
        if failed := [key for key, status in statuses.items() if status is StepStatus.FAILED]:
            self._set_state(name, NodeState.READYING, Health.PROBLEM, f"{', '.join(failed)} failed.")
        elif LOST.intersection(statuses.values()):
            self._set_state(name, NodeState.READYING, Health.OK, "Not all of its steps have run.")
        else:
            self._set_state(name, NodeState.READY, Health.OK)

    def _set_state(self, name: str, state: NodeState, health: Health, error: str = "") -> None:
        """An operator's maintenance is not ended by a deployment; nor is a reset or an installation begun meanwhile."""
        node = self._nodes[name]
        if node.health is Health.MAINTENANCE:
            health, error = node.health, node.last_error
        self._store.nodes.set_state(name, state, health, error, expected=RUNNING_STATES)
