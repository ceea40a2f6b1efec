"""The cloud, checked by real clients, for the commands that do it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crowbar_cli.interrupt import terminable
from crowbar_cli.options import Settings
from crowbar_cli.output import printable, seconds, show_json
from crowbar_cli.session import opened

if TYPE_CHECKING:
    from crowbar.services.context import Context
    from crowbar.verify.model import Check, CheckName, CloudAccess


def verified(
    settings: Settings,
    checks: Collection[CheckName] | None = None,
    screenshots: Path | None = None,
    *,
    document: bool = False,
) -> bool:
    """Check the cloud, telling of each check as it ends; whether it works. With ``document``, a JSON report is shown.

    Raises EnvironmentFault if there is no cloud.
    """
    from crowbar.verify.run import verify as run

    with opened(settings) as context:
        access = cloud_access(context)
    with terminable():
        report = run(
            access,
            workdir=settings.state.root / "verify",
            reporter=lambda check: _tell(settings, check),
            checks=checks,
            screenshots=screenshots,
        )
    if document:
        show_json({"passed": report.passed, "checks": report.checks, "leftovers": report.leftovers})
        return report.passed
    for thing in report.leftovers:
        click.echo(f"left behind: {thing}", err=settings.json)
    total = sum(check.seconds for check in report.checks)
    words = "The cloud works" if report.passed else "The cloud does not work as it should"
    click.echo(f"{words} ({seconds(total)}).", err=settings.json)
    return report.passed


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
