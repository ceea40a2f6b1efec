"""Where each step of a running deployment stands, and what a node may do next. No clocks, no threads, no store."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from crowbar.engine.plan import PlannedStep
from crowbar.store.model import StepKind, StepStatus

_GOOD = frozenset({StepStatus.SUCCEEDED, StepStatus.UNCHANGED})
LOST = frozenset({StepStatus.FAILED, StepStatus.CANCELLED, StepStatus.SKIPPED})


def lanes(chain: Sequence[PlannedStep], most: int) -> list[Sequence[PlannedStep]]:
    """The chain as up to ``most`` chains that may run beside each other on their node.

    That is more than one only where all steps are gates: these change nothing, and none waits for another.
    """
    if any(step.kind is not StepKind.GATE for step in chain):
        return [chain]
    return [lane for start in range(most) if (lane := chain[start::most])]


class Board:
    """The steps of a plan and their statuses."""

    def __init__(self, steps: Iterable[PlannedStep]) -> None:
        self.steps = {step.key: step for step in steps}
        self.status = dict.fromkeys(self.steps, StepStatus.PENDING)
        self._holders: dict[tuple[str, str], list[str]] = defaultdict(list)
        for step in self.steps.values():
            if step.kind is StepKind.APPLY:
                self._holders[step.barclamp, step.role].append(step.key)

    def replace(self, step: PlannedStep) -> None:
        """Take the step as decided anew."""
        self.steps[step.key] = step

    def pending(self) -> list[PlannedStep]:
        """The steps that have not begun, in the plan's order."""
        return [self.steps[key] for key, status in self.status.items() if status is StepStatus.PENDING]

    def nodes_waiting(self) -> list[str]:
        """The nodes that have pending steps, each once, in the plan's order."""
        return list(dict.fromkeys(step.node for step in self.pending()))

    def ready(self, step: PlannedStep, also: frozenset[str] | set[str] = frozenset()) -> bool:
        """Whether all that the step requires is done, or in ``also``, or can be gone without."""
        return all(key in also or self.status[key] in _GOOD or self._spared(step, key) for key in step.requires)

    def _spared(self, step: PlannedStep, key: str) -> bool:
        """Whether the step goes on without ``key``, which is lost: enough other nodes hold its role, or will."""
        if self.status[key] not in LOST:
            return False
        lost = self.steps[key]
        elsewhere = lost.kind is StepKind.APPLY and lost.node != step.node
        return elsewhere and self._left(lost) >= lost.vertex.quorum

    def _left(self, of: PlannedStep) -> int:
        """How many nodes hold the step's role, or still can in this deployment."""
        return sum(self.status[key] not in LOST for key in self._holders[of.barclamp, of.role])

    def chain(self, node: str) -> list[PlannedStep]:
        """What the node can do in one go: its ready steps, and those that only wait for others of the same chain.

        It ends before a step that uses facts which a step of the chain publishes: these pass through the engine.
        """
        chosen: list[PlannedStep] = []
        keys: set[str] = set()
        made: set[tuple[str, str]] = set()
        for step in self.pending():
            if step.node == node and self.ready(step, keys) and not made.intersection(step.vertex.consumes):
                chosen.append(step)
                keys.add(step.key)
                made.update(step.vertex.produces)
        return chosen

    def blocked(self) -> list[tuple[PlannedStep, StepStatus, str]]:
        """The pending steps that can never begin now, each with its end and the reason; they have that from now on.

        What needs a step that was left out is left out, what needs one that failed is cancelled.

        They are found in the plan's order. Each may be the end of others, or leave a role with too few nodes: it is to
        be asked again until there are none.
        """
        found: list[tuple[PlannedStep, StepStatus, str]] = []
        if LOST.isdisjoint(self.status.values()):  # the usual case, asked after every step
            return found
        for step in self.pending():
            culprit = next((key for key in step.requires if self._ends(step, key)), None)
            if culprit is not None:
                skipped = self.status[culprit] is StepStatus.SKIPPED
                status = StepStatus.SKIPPED if skipped else StepStatus.CANCELLED
                found.append((step, status, self._why(step, self.steps[culprit])))
                self.status[step.key] = status
        return found

    def _ends(self, step: PlannedStep, key: str) -> bool:
        return self.status[key] in LOST and not self._spared(step, key)

    def _why(self, step: PlannedStep, lost: PlannedStep) -> str:
        alone = lost.vertex.quorum == 1 and len(self._holders[lost.barclamp, lost.role]) == 1
        if lost.kind is not StepKind.APPLY or lost.node == step.node or alone:
            what = "is left out" if self.status[lost.key] is StepStatus.SKIPPED else "did not succeed"
            return f"It needs {lost.key}, which {what}."
        others = [key for key in self._holders[lost.barclamp, lost.role] if self.status[key] in LOST]
        return (
            f"It needs {lost.role} on {lost.vertex.quorum} of the nodes, and {self._left(lost)} are left: "
            f"{', '.join(others)} did not succeed."
        )

    def lost_holders(self, barclamp: str) -> frozenset[tuple[str, str]]:
        """Which roles of the barclamp were lost on which nodes, as (role, node): its gate does not look for them."""
        return frozenset(
            (step.role, step.node)
            for key, step in self.steps.items()
            if step.barclamp == barclamp and step.kind is StepKind.APPLY and self.status[key] in LOST
        )

    def of_node(self, node: str) -> Sequence[StepStatus]:
        """The statuses of the node's steps."""
        return [self.status[key] for key, step in self.steps.items() if step.node == node]

    def failed_nodes(self) -> set[str]:
        """The nodes on which a step failed."""
        return {step.node for key, step in self.steps.items() if self.status[key] is StepStatus.FAILED}

    @property
    def all_good(self) -> bool:
        """Whether every step succeeded, had nothing to do, or was left out on purpose."""
        return all(status in _GOOD or status is StepStatus.SKIPPED for status in self.status.values())
