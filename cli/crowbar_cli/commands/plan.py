"""`crowbar plan`: what a deployment would do, and why; it changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crowbar.store.model import StepKind
from crowbar_cli import differences
from crowbar_cli.options import Settings, common
from crowbar_cli.output import seconds, show, show_json, table
from crowbar_cli.session import opened
from crowbar_cli.steps import planned_document
from crowbar_cli.target import scope_options, target_options

if TYPE_CHECKING:
    from crowbar.engine.forecast import Forecast
    from crowbar.engine.plan import Plan
    from crowbar.engine.step import PlannedStep
    from crowbar_cli.nodes import Preview
    from crowbar_cli.target import Target

_RUNS, _CHECKS, _LEFT_OUT, _NOTHING = "runs", "checks", "out", "-"


@click.command(short_help="What a deployment would do, and why.")
@target_options
@scope_options
@click.option("--reapply", is_flag=True, help="Plan as `deploy --reapply` does: every step runs.")
@click.option(
    "--diff",
    is_flag=True,
    help="Have the nodes say what each step would change: diffs of files, packages, services that restart.",
)
@click.option(
    "--why", metavar="NODE", help="Say of each role of FILE that chooses its nodes why it has NODE, or has not."
)
@common
@click.pass_obj
def plan(
    settings: Settings,
    file: Path | None,
    single_node: bool,
    on_this_host: bool,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    reapply: bool,
    diff: bool,
    why: str | None,
) -> None:
    """Print the steps of a deployment in their order, and why each would run; change nothing.

    Without FILE the saved proposals are planned (crowbar proposals list). A step runs because it is new, because
    something that it is made of changed (the reason names the attribute or the file), or because it is forced. A step
    that has nothing to do is unchanged. Gates check a service before others build on it, in every deployment. Machines
    of FILE that have no system yet come first: they are discovered and installed.

    With --diff each step that would run is tried on its node in Ansible's check mode, which changes nothing; secrets
    are masked. What follows only from an earlier step of the same deployment cannot be seen so.

    \b
    Example:  crowbar plan --single-node
              crowbar plan my-cloud.yml --diff
              crowbar plan my-cloud.yml --output json
              crowbar plan my-cloud.yml --why node3
    Next:     crowbar deploy, with the same options
    """
    from crowbar.engine.forecast import forecast
    from crowbar.services.deploy import Scope, make_plan
    from crowbar_cli.cluster.expected import ways
    from crowbar_cli.nodes import cluster_of, previewed
    from crowbar_cli.target import Target

    target = Target.of(file, single_node=single_node, on_this_host=on_this_host)
    with opened(settings) as context:
        preview = previewed(context, target)
        if why is not None:
            _explain(settings, preview, target, why)
            return
        made = make_plan(preview.context, preview.proposals, force=reapply, scope=Scope(only, skip))
        machines = ways(context, cluster_of(target))
        expected = forecast(made, context.store.deployments.durations())
        there = {node.name for node in context.store.nodes.list()} - {one["machine"] for one in machines}
        absent = {step.node for step in made.to_run} - there
        changes = differences.rehearsed(preview, made, absent) if diff else []
    if settings.json:
        steps = [planned_document(step) for step in made.steps]
        notes = [*preview.notes, *made.notes]
        told = {"changes": changes} if diff else {}
        show_json({"machines": machines, "steps": steps, "notes": notes, "forecast": expected, **told})
    else:
        _show(made, machines, preview.notes)
        if diff:
            differences.tell(changes, absent)
        _tell(expected)


def _tell(expected: Forecast) -> None:
    """How long it would take, where earlier deployments tell anything of it."""
    if expected.seconds:
        more = f", and {_number(expected.unknown, 'step')} that never ran before" if expected.unknown else ""
        click.echo(f"By earlier deployments it would take about {seconds(expected.seconds)}{more}.")


def _explain(settings: Settings, preview: Preview, target: Target, name: str) -> None:
    from crowbar.errors import InputError
    from crowbar.services.batch import choices

    if target.file is None:
        raise InputError("--why is about the choices of a cluster file.", hint="crowbar plan FILE --why NODE")
    node = preview.context.store.nodes.get(name)
    if node is None:
        known = ", ".join(one.name for one in preview.context.store.nodes.list())
        raise InputError(f"There is no node {name!r}.", hint=f"Known nodes: {known or 'none'}.")
    found = [
        {"barclamp": barclamp, "role": role, "chosen": node.name in choice.names, "why": choice.why.get(node.name, "")}
        for (barclamp, role), choice in choices(preview.context, target.file).items()
    ]
    rows = [
        (one["role"], "has it" if one["chosen"] else "-", one["why"] or "is no machine of the file") for one in found
    ]
    show(settings, {"node": node.name, "roles": found}, ("role", node.name, "why"), rows, "No role chooses its nodes.")


def _show(made: Plan, machines: Sequence[Mapping[str, str]], notes: Sequence[str]) -> None:
    rows = [(f"{one['does']}@{one['machine']}", _RUNS, one["reason"]) for one in machines]
    rows += [(step.key, _does(step), step.reason) for step in made.steps]
    if rows:
        click.echo(table(("step", "", "why"), rows))
    for text in (*notes, *made.notes):
        click.echo(f"note: {text}")
    counts = Counter(_does(step) for step in made.steps)
    click.echo(
        f"{_number(len(machines), 'machine order') + ' and ' if machines else ''}"
        f"{_number(counts[_RUNS], 'step')} would run, {_number(counts[_CHECKS], 'gate')} would be checked, "
        f"{counts[_NOTHING]} unchanged{f', {counts[_LEFT_OUT]} left out' if counts[_LEFT_OUT] else ''}."
        " Nothing was changed."
    )


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _does(step: PlannedStep) -> str:
    from crowbar.engine.selection import LEFT_OUT

    if step.reason.startswith(LEFT_OUT):
        return _LEFT_OUT
    if step.kind is StepKind.GATE:
        return _CHECKS
    return _RUNS if step.will_run else _NOTHING
