"""Where each step of a running deployment stands, and what a node may do next. No clocks, no threads, no store."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from crowbar.engine.plan import PlannedStep
from crowbar.store.model import StepKind, StepStatus

_GOOD = frozenset({StepStatus.SUCCEEDED, StepStatus.UNCHANGED})


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
        """Whether all that the step requires is done, or in ``also``."""
        return all(key in also or self.status[key] in _GOOD for key in step.requires)

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

    def blocked(self) -> list[tuple[PlannedStep, str]]:
        """The pending steps that can never begin, each with the key of the failed or cancelled step they wait for.

        In the plan's order, so that a chain of them is found in one pass.
        """
        lost = {key for key, status in self.status.items() if status in {StepStatus.FAILED, StepStatus.CANCELLED}}
        found = []
        for step in self.pending():
            culprit = next((key for key in step.requires if key in lost), None)
            if culprit is not None:
                lost.add(step.key)
                found.append((step, culprit))
        return found

    def of_node(self, node: str) -> Sequence[StepStatus]:
        """The statuses of the node's steps."""
        return [self.status[key] for key, step in self.steps.items() if step.node == node]

    @property
    def all_good(self) -> bool:
        """Whether every step succeeded or had nothing to do."""
        return all(status in _GOOD for status in self.status.values())
