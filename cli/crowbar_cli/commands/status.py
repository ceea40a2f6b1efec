"""`crowbar status`: how the cloud stands."""

from __future__ import annotations

import click

from crowbar.store.model import StepStatus
from crowbar_cli.options import Settings, common
from crowbar_cli.output import seconds, show_json, table, when
from crowbar_cli.session import opened

# What a gate's step came to, as what it says of the barclamp: one that changed nothing has passed all the same.
_GATE = {
    StepStatus.SUCCEEDED.value: "passed",
    StepStatus.UNCHANGED.value: "passed",
    StepStatus.CANCELLED.value: "not checked",
    StepStatus.SKIPPED.value: "left out",
    StepStatus.PENDING.value: "not yet checked",
    "none": "-",
}


@click.command(short_help="How the cloud stands.")
@common
@click.pass_obj
def status(settings: Settings) -> None:
    """Show the nodes with state and health, the last deployment, and what each barclamp's gate said last.

    \b
    Example:  crowbar status
    Next:     crowbar deployments show, for the steps of the last deployment
    """
    from crowbar.services.status import read

    with opened(settings) as context:
        found = read(context)
    if settings.json:
        show_json(found)
        return
    if not found.nodes:
        click.echo("There is no node yet. `crowbar deploy --single-node` makes one.")
        return
    nodes = [(n.name, n.kind, n.state, n.health, n.address, n.last_error or "-") for n in found.nodes]
    click.echo(table(("node", "kind", "state", "health", "address", "last error"), nodes))
    if found.barclamps:
        rows = [(b.name, b.roles, _GATE.get(b.gate, b.gate), when(b.checked)) for b in found.barclamps]
        click.echo("\n" + table(("barclamp", "roles applied", "gate", "checked (UTC)"), rows))
    if found.deployment:
        last = found.deployment
        took = f" after {seconds((last.finished - last.started).total_seconds())}" if last.finished else ""
        running = f", pid {found.running_pid}" if found.running_pid else ""
        click.echo(f"\nDeployment {last.id} {last.status.value}{took}{running}, began {when(last.started)} UTC")
