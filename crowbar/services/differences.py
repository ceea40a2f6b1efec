"""What a plan's steps would change on their nodes, file by file: the nodes themselves say it, and change nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from crowbar.apply.applier import AnsibleApplier
from crowbar.apply.model import Applier, Job, Rehearsed
from crowbar.catalog.model import SecretRef, WantedProposal
from crowbar.engine.plan import Plan
from crowbar.engine.redact import Redactor
from crowbar.errors import NodeError
from crowbar.services.context import Context
from crowbar.services.jobs import job_maker
from crowbar.services.wanted import merged
from crowbar.store.model import StepKind

_AT_ONCE = 16
_NOT_YET = "(a secret that is made when it is deployed)"


def differences(
    context: Context,
    plan: Plan,
    proposals: Sequence[WantedProposal],
    absent: Collection[str],
    *,
    cancel: threading.Event,
    say: Callable[[str], object] = lambda _: None,
    applier: Applier | None = None,
) -> list[Rehearsed]:
    """What each step that would run would change, in the plan's order. Secrets are masked.

    Steps of nodes that are ``absent``, and steps that were not come to before ``cancel`` was set, are not there: all
    of it will be new to such a node. One whose changes cannot be seen has the reason as its error.
    """
    applier = applier or AnsibleApplier()
    secrets = Redactor(context.store.secrets.values())
    job_of = job_maker(context, merged(context, proposals), lambda ref: _secret(context, ref))
    jobs: dict[str, list[Job]] = {}
    for step in plan.to_run:
        if step.kind is not StepKind.GATE and step.node not in absent:
            jobs.setdefault(step.node, []).append(job_of(step, frozenset()))

    def of_node(name: str) -> Sequence[Rehearsed]:
        say(f"{name}: looking at what {len(jobs[name])} steps would change")
        return _of_node(context, applier, name, jobs[name], cancel)

    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="rehearse") as pool:
        found = {one.key: _masked(one, secrets) for several in pool.map(of_node, jobs) for one in several}
    return [found[step.key] for step in plan.steps if step.key in found]


def _of_node(
    context: Context, applier: Applier, name: str, jobs: Sequence[Job], cancel: threading.Event
) -> Sequence[Rehearsed]:
    node = context.store.nodes.get(name)
    try:
        return () if node is None else applier.rehearse(node, jobs, cancel)
    except NodeError as error:
        return [Rehearsed(job.key, error=str(error)) for job in jobs]


def _secret(context: Context, ref: SecretRef) -> str:
    try:
        return context.store.secrets.value(ref)
    except LookupError:
        return _NOT_YET


def _masked(one: Rehearsed, secrets: Redactor) -> Rehearsed:
    def texts(of: Sequence[str]) -> tuple[str, ...]:
        return tuple(map(secrets.text, of))

    return replace(
        one,
        paths=texts(one.paths),
        diffs=texts(one.diffs),
        packages=texts(one.packages),
        services=texts(one.services),
        commands=texts(one.commands),
        others=texts(one.others),
        error=secrets.text(one.error),
    )
