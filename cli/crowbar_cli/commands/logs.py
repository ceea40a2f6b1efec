"""`crowbar logs`: what happened, line by line."""

from __future__ import annotations

import click

from crowbar_cli.options import Settings, common
from crowbar_cli.output import as_plain, json_text
from crowbar_cli.session import opened


@click.command(short_help="What happened, line by line.")
@click.option("--deployment", "number", type=int, help="The deployment's number.  [default: the last one]")
@click.option("--step", "key", metavar="KEY", help="Only this step, such as keystone/keystone-server@node1.")
@click.option("--follow", "-f", is_flag=True, help="Go on with what happens from now, until the deployment ends.")
@common
@click.pass_obj
def logs(settings: Settings, number: int | None, key: str | None, follow: bool) -> None:
    """Print the events of a deployment: each step's begin and end, and each task that it ran.

    With --output json, one JSON object a line, so that it can be read while it grows.

    \b
    Example:  crowbar logs --step keystone/keystone-server@node1
              crowbar logs --follow
    Next:     crowbar deploy --resume, when what failed is mended
    """
    from crowbar.services.logs import deployment, read

    with opened(settings) as context:
        keys = {row.id: row.key for row in context.store.deployments.steps(deployment(context, number).id)}
        for event in read(context, number, key=key, follow=follow):
            where = keys.get(event.step or 0, "")
            if settings.json:
                click.echo(json_text({"step_key": where, **as_plain(event)}))
            else:
                click.echo(
                    f"{event.at:%H:%M:%S} {event.kind:<16} {where}{': ' if where else ''}{_clean(event.message)}"
                )


def _clean(text: str) -> str:
    from crowbar_cli.progress.board import printable

    return "\n    ".join(printable(line) for line in text.splitlines())
