"""`crowbar destroy`: the container machine, gone."""

from __future__ import annotations

import click

from crowbar_cli.asking import agree
from crowbar_cli.options import Settings, common
from crowbar_cli.output import note, show_json
from crowbar_cli.session import opened


@click.command(short_help="Take the container machine away.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.option(
    "--images", is_flag=True, help="Remove the built images too: the next deployment downloads and builds anew."
)
@common
@click.pass_obj
def destroy(settings: Settings, yes: bool, images: bool) -> None:
    """Take away the container machine of `deploy --single-node`: its disk, network and NAT rules.

    What is in the cloud (instances, volumes, objects) is lost. The history of deployments, your proposals and the
    built image stay, so that the next `crowbar deploy --single-node` is quick.

    \b
    Example:  crowbar destroy --yes
    Next:     crowbar deploy --single-node
    """
    from crowbar.services.lock import deployment_lock
    from crowbar_cli.single_node import remove, remove_images

    with opened(settings, warn=False) as context, deployment_lock(settings.state):
        if not yes:
            agree("Remove the container machine and all that is in its cloud?")
        removed = remove(context)
        if images:
            remove_images(context)
    if settings.json:
        show_json({"removed": removed})
    elif removed:
        click.echo(f"Removed: {', '.join(removed)}.")
    else:
        note("There was no container machine.")
