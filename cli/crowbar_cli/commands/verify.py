"""`crowbar verify`: the cloud, checked by real clients."""

from __future__ import annotations

from pathlib import Path

import click

from crowbar_cli.checking import verified
from crowbar_cli.options import Settings, common


@click.command(short_help="Check the cloud with real clients.")
@click.option(
    "--screenshots", type=click.Path(path_type=Path, file_okay=False), help="Keep pictures of the Dashboard here."
)
@click.option("--check", "names", multiple=True, metavar="NAME", help="Only this check, and those that it stands on.")
@common
@click.pass_obj
@click.pass_context
def verify(ctx: click.Context, settings: Settings, screenshots: Path | None, names: tuple[str, ...]) -> None:
    """Use the cloud as a user would, and report what works; what it makes, it removes.

    It boots an instance on a network of its own, logs in over a floating IP, moves data, attaches a volume,
    hard-reboots it, stores an object, and logs in to the Dashboard with a browser. Exit code 1 if a check failed.

    \b
    Example:  crowbar verify --check object
    Next:     crowbar credentials --show, and use it yourself
    """
    from crowbar.verify.model import CheckName

    known = [name.value for name in CheckName]
    if unknown := [name for name in names if name not in known]:
        raise click.BadParameter(f"{', '.join(unknown)}: known are {', '.join(known)}", param_hint="--check")
    passed = verified(settings, [CheckName(name) for name in names] or None, screenshots, document=settings.json)
    ctx.exit(0 if passed else 1)
