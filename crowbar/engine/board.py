"""Where each step of a running deployment stands, and what a node may do next. No clocks, no threads, no store.

A thousand nodes have ten thousand steps, and after each there is something to decide: nothing here looks at all of them
again for that. What an end makes possible, or impossible, is found by who required it.
"""

from __future__ import annotations

import heapq
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from types import MappingProxyType

from crowbar.engine.step import PlannedStep
from crowbar.store.model import StepKind, StepStatus

_GOOD = frozenset({StepStatus.SUCCEEDED, StepStatus.UNCHANGED})
LOST = frozenset({StepStatus.FAILED, StepStatus.CANCELLED, StepStatus.SKIPPED})
_NONE: frozenset[str] = frozenset()


def lanes(chain: Sequence[PlannedStep], most: int) -> list[Sequence[PlannedStep]]:
    """The chain as up to ``most`` chains that may run beside each other on their node.

    That is more than one only where all steps are gates: these change nothing, and none waits for another.
    """
    if any(step.kind is not StepKind.GATE for step in chain):
        return [chain]
    return [lane for start in range(most) if (lane := chain[start::most])]


class Board:
    """The steps of a plan and their statuses, which `settle` changes. All are pending in the beginning."""

    def __init__(self, steps: Iterable[PlannedStep]) -> None:
        self.steps = {step.key: step for step in steps}
        self._status = dict.fromkeys(self.steps, StepStatus.PENDING)
        self._order = list(self.steps)
        self._place = {key: place for place, key in enumerate(self._order)}
        self._of_node: dict[str, list[str]] = defaultdict(list)
        self._pending: dict[str, dict[str, None]] = defaultdict(dict)  # by node, in the plan's order
        self._holders: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._dependents: dict[str, list[str]] = defaultdict(list)
        for key, step in self.steps.items():
            self._of_node[step.node].append(key)
            self._pending[step.node][key] = None
            if step.kind is StepKind.APPLY:
                self._holders[step.barclamp, step.role].append(key)
            for other in step.requires:
                self._dependents[other].append(key)
        self._open = {key: len(step.requires) for key, step in self.steps.items()}  # required, and not good yet
        self._left = Counter({role: len(keys) for role, keys in self._holders.items()})
        self._lost: dict[str, None] = {}
        self._wounded: set[str] = set()  # those that require a lost one
        self._suspects: list[int] = []  # a heap of the places of steps that may never begin now
        self._failed: set[str] = set()  # nodes
        self._stirred = OrderedDict.fromkeys(self._of_node)  # nodes that may have more to do than when asked last

    @property
    def status(self) -> Mapping[str, StepStatus]:
        """The status of each step, by key."""
        return MappingProxyType(self._status)

    def settle(self, key: str, status: StepStatus) -> None:
        """A step has this status from now on."""
        if self._status[key] is status:
            return
        self._status[key] = status
        step = self.steps[key]
        self._pending[step.node].pop(key, None)
        if status is StepStatus.FAILED:
            self._failed.add(step.node)
        if status in LOST:
            if key not in self._lost:
                self._lose(key, step)
            return
        if key in self._lost:  # given up while its node had it in hand already, and carried it out
            del self._lost[key]
            self._left[step.barclamp, step.role] += step.kind is StepKind.APPLY
        if status in _GOOD:
            for other in self._dependents[key]:
                self._open[other] -= 1
                if not self._open[other] or other in self._wounded:
                    self.stir(self.steps[other].node)

    def _lose(self, key: str, step: PlannedStep) -> None:
        self._lost[key] = None
        worse = [key]
        if step.kind is StepKind.APPLY:
            role = step.barclamp, step.role
            self._left[role] -= 1
            if self._left[role] == step.vertex.quorum - 1:  # who went on without others of the role cannot any more
                worse = [one for one in self._holders[role] if one in self._lost]
        for other in {other for one in worse for other in self._dependents[one]}:
            self._wounded.add(other)
            heapq.heappush(self._suspects, self._place[other])
            self.stir(self.steps[other].node)

    def replace(self, step: PlannedStep) -> None:
        """Take the step as decided anew; what it requires is the same."""
        self.steps[step.key] = step

    def pending(self) -> list[PlannedStep]:
        """The steps that have not begun, in the plan's order."""
        return [self.steps[key] for key, status in self._status.items() if status is StepStatus.PENDING]

    def pending_of(self, node: str) -> list[PlannedStep]:
        """Those of one node."""
        return [self.steps[key] for key in self._pending[node]]

    def stir(self, node: str) -> None:
        """The node may have something to do: it is to be asked for its `chain`."""
        if self._pending[node]:
            self._stirred[node] = None

    def next_node(self, busy: Mapping[str, int]) -> str | None:
        """A node to be asked for its `chain`, and not again before something has changed for it; None if there is none.

        Those that are ``busy`` are passed over, for good: `stir` them when they no longer are.
        """
        while self._stirred:
            name, _ = self._stirred.popitem(last=False)
            if not busy.get(name):
                return name
        return None

    def ready(self, step: PlannedStep, also: Collection[str] = _NONE) -> bool:
        """Whether all that the step requires is done, or in ``also``, or can be gone without."""
        missing = self._open[step.key]
        if not missing:
            return True
        if missing > len(also) and step.key not in self._wounded:
            return False
        return all(key in also or self._status[key] in _GOOD or self._spared(step, key) for key in step.requires)

    def _spared(self, step: PlannedStep, key: str) -> bool:
        """Whether the step goes on without ``key``, which is lost: enough other nodes hold its role, or will."""
        if self._status[key] not in LOST:
            return False
        lost = self.steps[key]
        elsewhere = lost.kind is StepKind.APPLY and lost.node != step.node
        return elsewhere and self._left[lost.barclamp, lost.role] >= lost.vertex.quorum

    def chain(self, node: str) -> list[PlannedStep]:
        """What the node can do in one go: its ready steps, and those that only wait for others of the same chain.

        It ends before a step that uses facts which a step of the chain publishes: these pass through the engine.
        """
        chosen: dict[str, PlannedStep] = {}
        made: set[tuple[str, str]] = set()
        for step in self.pending_of(node):
            if self.ready(step, chosen) and not made.intersection(step.vertex.consumes):
                chosen[step.key] = step
                made.update(step.vertex.produces)
        return list(chosen.values())

    def blocked(self) -> list[tuple[PlannedStep, StepStatus, str]]:
        """The pending steps that can never begin now, each with its end and the reason; they have that from now on.

        What needs a step that was left out is left out, what needs one that failed is cancelled. They are found in the
        plan's order, with those that they are the end of.
        """
        found: list[tuple[PlannedStep, StepStatus, str]] = []
        while self._suspects:
            step = self.steps[self._order[heapq.heappop(self._suspects)]]
            if self._status[step.key] is not StepStatus.PENDING:
                continue
            culprit = next((key for key in step.requires if self._ends(step, key)), None)
            if culprit is not None:
                skipped = self._status[culprit] is StepStatus.SKIPPED
                status = StepStatus.SKIPPED if skipped else StepStatus.CANCELLED
                found.append((step, status, self._why(step, self.steps[culprit])))
                self.settle(step.key, status)
        return found

    def _ends(self, step: PlannedStep, key: str) -> bool:
        return self._status[key] in LOST and not self._spared(step, key)

    def _why(self, step: PlannedStep, lost: PlannedStep) -> str:
        holders = self._holders[lost.barclamp, lost.role]
        alone = lost.vertex.quorum == 1 and len(holders) == 1
        if lost.kind is not StepKind.APPLY or lost.node == step.node or alone:
            what = "is left out" if self._status[lost.key] is StepStatus.SKIPPED else "did not succeed"
            return f"It needs {lost.key}, which {what}."
        gone = [key for key in holders if key in self._lost]
        return (
            f"It needs {lost.role} on {lost.vertex.quorum} of the nodes, and {len(holders) - len(gone)} are left: "
            f"{', '.join(gone)} did not succeed."
        )

    def lost_holders(self, barclamp: str) -> frozenset[tuple[str, str]]:
        """Which roles of the barclamp were lost on which nodes, as (role, node): its gate does not look for them."""
        lost = [self.steps[key] for key in self._lost]
        return frozenset((one.role, one.node) for one in lost if (one.barclamp, one.kind) == (barclamp, StepKind.APPLY))

    def of_node(self, node: str) -> dict[str, StepStatus]:
        """The statuses of the node's steps."""
        return {key: self._status[key] for key in self._of_node[node]}

    def failed_nodes(self) -> frozenset[str]:
        """The nodes on which a step failed."""
        return frozenset(self._failed)

    @property
    def all_good(self) -> bool:
        """Whether every step succeeded, had nothing to do, or was left out on purpose."""
        return all(status in _GOOD or status is StepStatus.SKIPPED for status in self._status.values())
