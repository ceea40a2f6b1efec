"""`crowbar deploy`: make it so."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crowbar.store.model import Deployment, DeploymentStatus, StepKind, StepRow, StepStatus
from crowbar_cli.asking import agree
from crowbar_cli.checking import verified
from crowbar_cli.commands.explain import lines
from crowbar_cli.edge import INTERRUPTED
from crowbar_cli.options import Settings, common
from crowbar_cli.output import note, printable_lines, show_json
from crowbar_cli.session import opened
from crowbar_cli.steps import row_document
from crowbar_cli.target import Place, Target, scope_options, target_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from crowbar.services.context import Context
    from crowbar.services.credentials import AccessPoint
    from crowbar.services.deploy import Scope


@dataclass(frozen=True)
class Outcome:
    """How it went. ``left_out`` says why machines of the file have no system, by name."""

    deployment: Deployment
    left_out: Mapping[str, str]
    from_machines: bool


_EXIT_CODES = {DeploymentStatus.SUCCEEDED: 0, DeploymentStatus.CANCELLED: INTERRUPTED}


@click.command(short_help="Make it so.")
@target_options
@scope_options
@click.option(
    "--max-failures",
    default="",
    metavar="N|N%",
    help="Begin no step more when more nodes than this have failed.  [default: go on with all that can]",
)
@click.option("--yes", "-y", is_flag=True, help="Do not ask before this machine itself is changed.")
@click.option("--reapply", is_flag=True, help="Run every step, also those that have nothing to do.")
@click.option(
    "--verify/--no-verify",
    "check",
    default=None,
    help="Check the cloud afterwards, as `crowbar verify` does.  [default: for a FILE with machines, if a step ran]",
)
@click.option(
    "--resume", is_flag=True, help="Go on with what an earlier deployment left: failed, cancelled or cut off."
)
@common
@click.pass_obj
@click.pass_context
def deploy(
    ctx: click.Context,
    settings: Settings,
    file: Path | None,
    single_node: bool,
    on_this_host: bool,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    max_failures: str,
    yes: bool,
    reapply: bool,
    check: bool | None,
    resume: bool,
) -> None:
    """Deploy FILE (a cluster file), or the saved proposals, and show how it goes.

    A FILE with machines takes them from powered off to the verified cloud: their BMCs are logged in to, they are
    discovered and installed, and their roles applied. Installed ones that are off are powered on.

    A step that has succeeded is not run again unless what it is made of changed, so a second deployment is quick, and
    one that was stopped goes on where it was. On a terminal, press l for the running step's last lines, and Ctrl-C to
    stop cleanly. Exit code 1 if a step failed.

    \b
    Example:  crowbar deploy --single-node
              crowbar deploy my-cloud.yml
              crowbar deploy playbooks/clusters/rack.yml   (three virtual machines, made for it)
              crowbar deploy --resume
              crowbar deploy my-cloud.yml --only nova --max-failures 10%
    Next:     crowbar verify, then crowbar credentials --show
    """
    from crowbar.services.deploy import Scope
    from crowbar.services.lock import deployment_lock

    target = Target.of(file, single_node=single_node, on_this_host=on_this_host)
    with opened(settings) as context, deployment_lock(settings.state):
        if resume:
            _refuse_without_history(context)
        if target.place is Place.THIS_HOST:
            _ask(context, target, yes=yes)
        done = _run(settings, context, target, Scope(only, skip, max_failures), reapply=reapply)
        rows = context.store.deployments.steps(done.deployment.id)
        _show(settings, context, done, rows)
    code = _EXIT_CODES.get(done.deployment.status, 1) or (1 if done.left_out else 0)
    ran = any(row.kind is not StepKind.GATE and row.status is StepStatus.SUCCEEDED for row in rows)
    if done.deployment.status is DeploymentStatus.SUCCEEDED and (
        check or (check is None and done.from_machines and ran)
    ):
        code = max(code, 0 if verified(settings) else 1)
    ctx.exit(code)


def _run(settings: Settings, context: Context, target: Target, scope: Scope, *, reapply: bool) -> Outcome:
    from crowbar.services import deploy as service
    from crowbar_cli.interrupt import cancelling, terminable
    from crowbar_cli.nodes import made_ready
    from crowbar_cli.progress.watch import open_watcher

    _check_scope(context, target, scope)
    cancel = threading.Event()
    with terminable(), open_watcher(settings) as watcher:
        ready = made_ready(settings, context, target, watcher.message)
        with cancelling(cancel, watcher.message):
            done = service.deploy(
                *(context, ready.proposals, watcher),
                cancel=cancel,
                force=reapply,
                left_out=ready.left_out,
                scope=scope,
            )
    return Outcome(done, ready.left_out, ready.from_machines)


def _check_scope(context: Context, target: Target, scope: Scope) -> None:
    """Refuse words that mean nothing before machines are brought up for them."""
    from crowbar.engine.selection import most_failures
    from crowbar.services.deploy import selected
    from crowbar.services.wanted import merged
    from crowbar_cli.nodes import cluster_of, previewed

    if scope.max_failures:
        most_failures(scope.max_failures, 1)
    if (scope.only or scope.skip) and not cluster_of(target).matched:  # who these are is not known before they turn up
        preview = previewed(context, target)
        selected(preview.context, scope, merged(preview.context, preview.proposals))


def _refuse_without_history(context: Context) -> None:
    from crowbar.errors import InputError

    if context.store.deployments.last() is None:
        raise InputError("There is no deployment to resume.", hint="crowbar deploy --single-node begins one.")


def _ask(context: Context, target: Target, *, yes: bool) -> None:
    """Say what would change on this machine, and have it agreed to."""
    from crowbar.services.wanted import merged
    from crowbar_cli import this_host
    from crowbar_cli.nodes import chosen_packages, previewed

    preview = previewed(context, target)
    wanted = merged(preview.context, preview.proposals)
    changes = this_host.changes(context, wanted, chosen_packages(preview))
    for line in changes:
        note(line)
    if not yes:
        agree("Install the cloud on this machine?")


def _show(settings: Settings, context: Context, done: Outcome, rows: Sequence[StepRow]) -> None:
    from crowbar.services.cards import card
    from crowbar.services.credentials import access_points

    deployment = done.deployment
    for name, why in done.left_out.items():
        note(f"left out: {name} {why}. See: crowbar machines show {name} --timeline")
    succeeded = deployment.status is DeploymentStatus.SUCCEEDED
    access = access_points(context) if succeeded else []
    if settings.json:
        steps = [row_document(row) for row in rows]
        show_json({"deployment": deployment, "steps": steps, "access": access, "left_out": done.left_out})
    elif succeeded:
        _welcome(access)
    else:
        failed = [row for row in rows if row.status is StepStatus.FAILED]
        for row in failed:
            note(printable_lines("\n".join(lines(card(context, row), short=True))))
        note("Next: crowbar deploy --resume" + (", when it is mended" if failed else ""))


def _welcome(access: Sequence[AccessPoint]) -> None:
    for point in access:
        click.echo(f"{point.title}: {point.url}" + (f" (user {point.user})" if point.user else ""))
    if access:
        click.echo("Passwords: crowbar credentials --show")
    click.echo("A shell in the cloud: crowbar shell; with OpenStack's clients: crowbar shell --openstack")
