"""Steps as their nodes run them: with the variables of the role there, secrets and published facts revealed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from crowbar.apply.model import Job
from crowbar.catalog import variables as catalog_variables
from crowbar.catalog.model import FactRef, SecretRef, WantedProposal
from crowbar.catalog.variables import Deployed, PublishedValues
from crowbar.engine.step import PlannedStep
from crowbar.services.context import Context
from crowbar.services.wanted import deployed
from crowbar.store.model import StepKind

JobMaker = Callable[[PlannedStep, frozenset[tuple[str, str]]], Job]


def job_maker(
    context: Context, proposals: Mapping[str, WantedProposal], secret: Callable[[SecretRef], str] | None = None
) -> JobMaker:
    """Makes the job of a step, without those holders of roles that were lost meanwhile; ``secret`` gives secrets."""
    reveal = cache(secret or context.store.secrets.value)  # every step has some; their values stay in a deployment
    published = catalog_variables.published(context.catalog, deployed(context, proposals))
    current = _Current(context, proposals)

    def job_of(step: PlannedStep, lost: frozenset[tuple[str, str]]) -> Job:
        barclamp = context.catalog.get(step.barclamp)
        role = barclamp.roles[step.role]
        match step.kind:
            case StepKind.REMOVE:
                variables = {"barclamp": barclamp.name, "role": role.name, "node": {"name": step.node}}
                return Job(step.key, StepKind.REMOVE, role.path, role.name, (), role.units, variables)
            case StepKind.GATE if barclamp.gate is not None:
                variables = _without_lost(_revealed(context, current(), step, published, reveal), lost)
                return Job(step.key, StepKind.GATE, barclamp.gate.path, role.name, variables=variables)
        variables = _revealed(context, current(), step, published, reveal)
        return Job(step.key, StepKind.APPLY, role.path, role.name, role.packages, role.units, variables)

    return job_of


def _without_lost(variables: dict[str, Any], lost: frozenset[tuple[str, str]]) -> dict[str, Any]:
    """A gate's variables, with only those nodes in its barclamp's roles that it can ask for."""
    roles = {
        role: [node for node in nodes if (role, node["name"]) not in lost] for role, nodes in variables["roles"].items()
    }
    return {**variables, "roles": roles}


class _Current:
    """What is wanted, with the facts that have been published by now. Nothing else of it changes in a deployment."""

    def __init__(self, context: Context, proposals: Mapping[str, WantedProposal]) -> None:
        self._context = context
        self._proposals = proposals
        self._digests: Mapping[tuple[str, str], str] | None = None
        self._wanted = Deployed({}, {})

    def __call__(self) -> Deployed:
        """As it is now. What it is made of is read again only if there are other facts: of many nodes, that is long."""
        digests = self._context.store.published.digests()
        if digests != self._digests:
            self._wanted = deployed(self._context, self._proposals, with_facts=True)
            self._digests = digests
        return self._wanted


def _revealed(
    context: Context,
    wanted: Deployed,
    step: PlannedStep,
    published: PublishedValues,
    secret: Callable[[SecretRef], str],
) -> dict[str, Any]:
    """A step's variables with the values of secrets and of the facts that have been published by now."""
    seen = catalog_variables.variables(context.catalog, wanted, step.barclamp, step.role, step.node, published)

    def fact(ref: FactRef) -> str | None:
        value = context.store.published.get(ref.owner, ref.name)
        return None if value is None else value.decode()

    return catalog_variables.reveal(seen, secret, fact)
