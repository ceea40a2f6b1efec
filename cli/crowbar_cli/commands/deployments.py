"""`crowbar deployments`: what was done, and how it went."""

from __future__ import annotations

from typing import Any

import click

from crowbar_cli.options import Settings, common
from crowbar_cli.output import note, seconds, show, show_json, table, when
from crowbar_cli.session import opened
from crowbar_cli.steps import row_document, took, why


@click.group(short_help="What was done, and how it went.")
@common
def deployments() -> None:
    """List earlier deployments, or show the steps of one."""


@deployments.command("list")
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 1000), help="How many, the newest first."
)
@common
@click.pass_obj
def list_(settings: Settings, limit: int) -> None:
    """List the deployments, the newest first.

    \b
    Example:  crowbar deployments list --limit 5
    Next:     crowbar deployments show NUMBER
    """
    with opened(settings) as context:
        found = context.store.deployments.list(limit)
    rows = [
        (
            d.id,
            d.status.value,
            when(d.started),
            seconds((d.finished - d.started).total_seconds()) if d.finished else "-",
            d.summary,
        )
        for d in found
    ]
    show(
        settings,
        {"deployments": found},
        ("number", "status", "started (UTC)", "took", "summary"),
        rows,
        "There was no deployment yet. `crowbar deploy --single-node` makes the first.",
    )


@deployments.command("show")
@click.argument("number", type=int, required=False)
@common
@click.pass_obj
def show_(settings: Settings, number: int | None) -> None:
    """Show the steps of deployment NUMBER (default: the last one): status, time and reason of each.

    \b
    Example:  crowbar deployments show 3
    Next:     crowbar logs --step keystone/keystone-server@node1
    """
    from crowbar.services import logs

    with opened(settings) as context:
        deployment = logs.deployment(context, number)
        rows = context.store.deployments.steps(deployment.id)
    if settings.json:
        show_json({"deployment": deployment, "steps": [row_document(row) for row in rows]})
        return
    click.echo(f"Deployment {deployment.id}: {deployment.status.value}, began {when(deployment.started)} UTC")
    cells: list[tuple[Any, ...]] = [(row.key, row.status.value, took(row), row.changed, why(row)) for row in rows]
    click.echo(table(("step", "status", "took", "changed", "reason"), cells))
    for row in rows:
        if row.error and row.error != why(row):  # the table's line is not all of it
            note(f"\n{row.key}:\n{row.error}")
