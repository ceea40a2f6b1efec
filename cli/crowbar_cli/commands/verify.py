"""`crowbar verify`: the cloud, checked by real clients."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from crowbar_cli.interrupt import terminable
from crowbar_cli.options import Settings, common
from crowbar_cli.output import printable, seconds, show_json
from crowbar_cli.session import opened

if TYPE_CHECKING:
    from crowbar.services.context import Context
    from crowbar.verify.model import Check, CloudAccess


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
    from crowbar.verify.run import verify as run

    known = [name.value for name in CheckName]
    if unknown := [name for name in names if name not in known]:
        raise click.BadParameter(f"{', '.join(unknown)}: known are {', '.join(known)}", param_hint="--check")
    with opened(settings) as context:
        access = cloud_access(context)
    with terminable():
        report = run(
            access,
            workdir=settings.state.root / "verify",
            reporter=lambda check: _tell(settings, check),
            checks=[CheckName(name) for name in names] or None,
            screenshots=screenshots,
        )
    if settings.json:
        show_json({"passed": report.passed, "checks": report.checks, "leftovers": report.leftovers})
    else:
        for thing in report.leftovers:
            click.echo(f"left behind: {thing}")
        total = sum(check.seconds for check in report.checks)
        click.echo(
            f"{'The cloud works' if report.passed else 'The cloud does not work as it should'} ({seconds(total)})."
        )
    ctx.exit(0 if report.passed else 1)


def cloud_access(context: Context) -> CloudAccess:
    """What the checks need to know of the deployed cloud. Raises EnvironmentFault if there is none."""
    from crowbar.catalog.model import AccessKind
    from crowbar.services.credentials import access_points, login
    from crowbar.verify.model import CloudAccess

    who = login(context)
    pages = (point.url for point in access_points(context) if point.kind is AccessKind.WEB_DASHBOARD)
    return CloudAccess(who.auth_url, who.username, who.password, who.project, who.region, next(pages, None))


def _tell(settings: Settings, check: Check) -> None:
    # While it runs, a person reads along; in JSON all is in the report at the end.
    click.echo(
        f"{check.name:<16} {check.status:<8} {seconds(check.seconds):>8}  {printable(check.detail)}", err=settings.json
    )
