"""`crowbar plan`: what a deployment would do, and why; it changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crowbar.store.model import StepKind
from crowbar_cli.options import Settings, common
from crowbar_cli.output import show_json, table
from crowbar_cli.session import opened
from crowbar_cli.steps import planned_document
from crowbar_cli.target import target_options

if TYPE_CHECKING:
    from crowbar.engine.plan import Plan, PlannedStep

_RUNS, _CHECKS, _NOTHING = "runs", "checks", "-"


@click.command(short_help="What a deployment would do, and why.")
@target_options
@click.option("--reapply", is_flag=True, help="Plan as `deploy --reapply` does: every step runs.")
@common
@click.pass_obj
def plan(settings: Settings, file: Path | None, single_node: bool, on_this_host: bool, reapply: bool) -> None:
    """Print the steps of a deployment in their order, and why each would run; change nothing.

    Without FILE the saved proposals are planned (crowbar proposals list). A step runs because it is new, because
    something that it is made of changed (the reason names the attribute or the file), or because it is forced. A step
    that has nothing to do is unchanged. Gates check a service before others build on it, in every deployment.

    \b
    Example:  crowbar plan --single-node
              crowbar plan my-cloud.yml --output json
    Next:     crowbar deploy, with the same options
    """
    from crowbar.services.deploy import make_plan
    from crowbar_cli.nodes import previewed
    from crowbar_cli.target import Target

    target = Target.of(file, single_node=single_node, on_this_host=on_this_host)
    with opened(settings) as context:
        preview = previewed(context, target)
        made = make_plan(preview.context, preview.proposals, force=reapply)
    if settings.json:
        show_json({"steps": [planned_document(step) for step in made.steps], "notes": [*preview.notes, *made.notes]})
    else:
        _show(made, preview.notes)


def _show(made: Plan, notes: Sequence[str]) -> None:
    rows = [(step.key, _does(step), step.reason) for step in made.steps]
    if rows:
        click.echo(table(("step", "", "why"), rows))
    for text in (*notes, *made.notes):
        click.echo(f"note: {text}")
    counts = Counter(_does(step) for step in made.steps)
    click.echo(
        f"{_number(counts[_RUNS], 'step')} would run, {_number(counts[_CHECKS], 'gate')} would be checked, "
        f"{counts[_NOTHING]} unchanged. Nothing was changed."
    )


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _does(step: PlannedStep) -> str:
    if step.kind is StepKind.GATE:
        return _CHECKS
    return _RUNS if step.will_run else _NOTHING
