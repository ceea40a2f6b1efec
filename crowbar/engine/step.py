"""A step of a plan: what would be done on a node, whether it would be, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from crowbar.catalog.variables import identity
from crowbar.engine.graph import Vertex
from crowbar.store.model import StepKind

Inputs = Mapping[str, str]  # a step's inputs: their names (as a user would say them) and digests


@dataclass(frozen=True)
class PlannedStep:
    """A step, whether it would run, and why.

    A gate is always checked; ``will_run`` tells whether it is a new demand on it. ``settled`` is false where only
    what an earlier step publishes can tell.
    """

    vertex: Vertex
    inputs: Inputs
    will_run: bool
    reason: str
    settled: bool = True

    @property
    def key(self) -> str:
        """Its key, unique in the plan."""
        return self.vertex.key

    @property
    def kind(self) -> StepKind:
        """What it does to its node."""
        return self.vertex.kind

    @property
    def barclamp(self) -> str:
        """The barclamp it belongs to."""
        return self.vertex.barclamp

    @property
    def role(self) -> str:
        """The role it applies."""
        return self.vertex.role

    @property
    def node(self) -> str:
        """The node it runs on."""
        return self.vertex.node

    @property
    def requires(self) -> tuple[str, ...]:
        """The keys of the steps that come before."""
        return self.vertex.requires

    @property
    def identity(self) -> str:
        """The digest of all that the step is a function of."""
        return identity(self.inputs)
