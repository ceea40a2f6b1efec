"""Planning and deploying: what `crowbar plan` and `crowbar deploy` do once their nodes are known."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from crowbar.apply.applier import AnsibleApplier
from crowbar.apply.model import Applier
from crowbar.catalog import variables as catalog_variables
from crowbar.catalog.model import WantedProposal
from crowbar.catalog.variables import Deployed, PublishedValues
from crowbar.engine import plan as planning
from crowbar.engine.graph import Vertex
from crowbar.engine.plan import Known, Plan
from crowbar.engine.redact import Redactor
from crowbar.engine.run import Run
from crowbar.engine.selection import LEFT_OUT, Selection, most_failures, select
from crowbar.engine.watch import Watcher
from crowbar.errors import Fault, InputError
from crowbar.services.absent import NOBODY, Absent, absent_nodes, without
from crowbar.services.cards import keep_journals
from crowbar.services.context import Context
from crowbar.services.jobs import job_maker
from crowbar.services.layout import lay_out, settle
from crowbar.services.lock import deployment_lock
from crowbar.services.notes import choices_made, mixed
from crowbar.services.wanted import deployed, merged
from crowbar.store.model import RUNNING_STATES, Deployment, Health, NodeKind, Proposal, StepKind


@dataclass(frozen=True)
class Scope:
    """Which part of a plan is wanted (barclamps and nodes, by name or alias), and how many nodes may fail."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    max_failures: str = ""  # "3" or "20%"


EVERYTHING = Scope()


def selected(
    context: Context, scope: Scope, proposals: Mapping[str, WantedProposal], absent: Absent = NOBODY
) -> Selection:
    """What a deployment in that scope leaves out; nodes in quarantine, and absent ones, always.

    Raises InputError for unknown words.
    """
    clamps = [context.catalog.get(name) for name in proposals]
    nodes = context.store.nodes.list()
    return select(
        *(scope.only, scope.skip),
        {alias: one.name for one in clamps for alias in (*one.aliases, one.name)},
        {alias: node.name for node in nodes for alias in (*node.aliases, node.name)},
        {
            **{node.name: f"is quarantined: {node.last_error}" for node in nodes if node.health is Health.MAINTENANCE},
            **absent.members,
        },
    )


def _holders(proposals: Mapping[str, WantedProposal]) -> set[str]:
    return {name for one in proposals.values() for names in one.elements.values() for name in names}


def make_plan(
    context: Context, proposals: Sequence[WantedProposal] = (), *, force: bool = False, scope: Scope = EVERYTHING
) -> Plan:
    """The steps that lead to the saved proposals with the given ones laid over them. Changes nothing.

    A step that the scope, or a quarantine, leaves out is there with that reason, and would not run. Raises InputError
    if they cannot be planned.
    """
    wanted = merged(context, proposals)
    selection = selected(context, scope, wanted)
    made = _plan(context, wanted, selection, force=force)
    steps = (
        replace(step, will_run=False, reason=f"{LEFT_OUT}{why}") if (why := selection.why_not(step)) else step
        for step in made.steps
    )
    return replace(made, steps=tuple(steps))


def _plan(
    context: Context,
    proposals: Mapping[str, WantedProposal],
    selection: Selection,
    *,
    force: bool,
    absent: Absent = NOBODY,
) -> Plan:
    wanted = deployed(context, proposals)
    _refuse_unknown_nodes(wanted)
    _refuse_machines_without_system(context, wanted, absent)
    published = catalog_variables.published(context.catalog, wanted)
    return planning.make_plan(
        context.catalog,
        {name: proposal.elements for name, proposal in proposals.items()},
        Known(
            {a.key: a for a in context.store.applied.list() if a.node in wanted.nodes and a.node not in absent.why},
            context.store.published.digests(),
        ),
        lambda vertex: _inputs(context, wanted, published, vertex),
        # What is left out stays as good as it was: what is not must be able to build on it.
        forced=lambda step: force and not selection.why_not(step),
        notes=[
            *(f"{name} is left out: it {why}" for name, why in absent.why.items()),
            *choices_made(context.catalog, wanted),
            *_mixed_networks(context, wanted.proposals),
        ],
    )


def _mixed_networks(context: Context, proposals: Mapping[str, WantedProposal]) -> list[str]:
    layout = lay_out(context.store.networks, context.catalog, proposals)
    addresses = {node.name: layout.addresses(node.name, node.addresses) for node in context.store.nodes.list()}
    return mixed(context.catalog, proposals, addresses)


def _refuse_unknown_nodes(wanted: Deployed) -> None:
    """A saved proposal may name a node that has gone since."""
    faults = [
        Fault(f"proposal {proposal.barclamp}", f"role {role} names node {node!r}, which is not known")
        for proposal in wanted.proposals.values()
        for role, nodes in proposal.elements.items()
        for node in nodes
        if node not in wanted.nodes
    ]
    if faults:
        raise InputError(
            "Proposals name nodes that are not known.", faults=faults, hint="crowbar proposals edit, or delete."
        )


def _refuse_machines_without_system(context: Context, wanted: Deployed, absent: Absent) -> None:
    """A machine that is being discovered or installed can be given roles, and gets them when it is installed."""
    named: dict[str, list[str]] = {}
    for proposal in wanted.proposals.values():
        for role, nodes in proposal.elements.items():
            for node in nodes:
                named.setdefault(node, []).append(role)
    faults = [
        Fault(f"node {node.name}", f"is {node.state}: it cannot be given {', '.join(named[node.name])} yet")
        for node in context.store.nodes.list()
        if node.name in named and node.name not in absent.why
        if node.kind is NodeKind.MACHINE and node.state not in RUNNING_STATES
    ]
    if faults:
        raise InputError(
            "Proposals name machines that are not installed.",
            faults=faults,
            hint="Wait until they are: crowbar machines list; or take them out: crowbar proposals edit.",
        )


def _inputs(context: Context, wanted: Deployed, published: PublishedValues, vertex: Vertex) -> dict[str, str]:
    barclamp = context.catalog.get(vertex.barclamp)
    seen = catalog_variables.variables(context.catalog, wanted, vertex.barclamp, vertex.role, vertex.node, published)
    inputs = catalog_variables.inputs(seen, barclamp.roles[vertex.role], context.catalog)
    if vertex.kind is StepKind.GATE and barclamp.gate is not None:
        inputs["gate content"] = barclamp.gate.digest
    return inputs


def deploy(
    context: Context,
    proposals: Sequence[WantedProposal],
    watcher: Watcher,
    *,
    cancel: threading.Event,
    force: bool = False,
    applier: Applier | None = None,
    left_out: Mapping[str, str] = NOBODY.why,
    scope: Scope = EVERYTHING,
) -> Deployment:
    """Save the proposals and deploy all that is wanted; give the finished deployment.

    Nodes that are ``left_out`` (with the reason) get nothing, as `crowbar.services.absent` says; InputError is raised
    where a role then has too few.

    A deployment that an earlier engine left is closed first, and this one goes on where it stopped. Setting
    ``cancel`` ends the running steps. Raises EnvironmentFault while another deployment runs.
    """
    with deployment_lock(context.state):
        for interrupted in context.store.deployments.recover():
            watcher.message(f"Deployment {interrupted.id} was interrupted; going on from what it had done.")
        absent = absent_nodes(context, left_out)
        wanted = without(context.catalog, merged(context, proposals), absent)
        selection = selected(context, scope, wanted, absent)
        limit = most_failures(scope.max_failures, len(_holders(wanted))) if scope.max_failures else None
        # What cannot be planned is refused before anything is saved.
        _plan(context, wanted, selection, force=force, absent=absent)
        for proposal in proposals:
            context.store.proposals.save(
                Proposal(proposal.barclamp, proposal.name, proposal.attributes, proposal.elements)
            )
        _ensure_secrets(context, wanted)
        settle(context.store.networks, lay_out(context.store.networks, context.catalog, wanted))
        steps = _plan(context, wanted, selection, force=force, absent=absent)
        with closing(applier or AnsibleApplier()) as applying:
            run = Run(
                context.store,
                applying,
                watcher,
                {node.name: node for node in context.store.nodes.list()},
                job_maker(context, wanted),
                Redactor(context.store.secrets.values()),
                cancel=cancel,
                force=force,
                selection=selection,
                max_failures=limit,
            )
            done = run(steps, f"{len(steps.to_run)} of {len(steps.steps)} steps to run")
            keep_journals(context, applying, context.store.deployments.steps(done.id))
        return done


def _ensure_secrets(context: Context, proposals: Mapping[str, WantedProposal]) -> None:
    for name in proposals:
        for spec in context.catalog.get(name).secrets.values():
            context.store.secrets.ensure(name, spec)
