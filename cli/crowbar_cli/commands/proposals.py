"""`crowbar proposals`: what is wanted of each barclamp."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from crowbar.errors import InputError
from crowbar_cli.options import Settings, common
from crowbar_cli.output import note, show, show_json
from crowbar_cli.session import opened

if TYPE_CHECKING:
    from crowbar.catalog.model import WantedProposal
    from crowbar.services.context import Context
    from crowbar.store.model import Proposal

F = TypeVar("F", bound=Callable[..., Any])


@click.group(short_help="What is wanted of each barclamp.")
@common
def proposals() -> None:
    """Make, look at and change proposals: the wanted attributes of a barclamp and the nodes of its roles.

    Saving one changes nothing on any node: `crowbar plan` shows what would change, `crowbar deploy` does it.
    """


def _named(command: F) -> F:
    command = click.option("--name", default="default", show_default=True, help="The proposal's name.")(command)
    return click.argument("barclamp")(command)


def _changes(command: F) -> F:
    for option in (
        click.option(
            "--file", "file", type=click.Path(path_type=Path), help="Take the proposal from this file (- for stdin)."
        ),
        click.option("--role", "roles", multiple=True, metavar="ROLE=NODE[,NODE]", help="Put a role on these nodes."),
        click.option("--unset", multiple=True, metavar="PATH", help="Put an attribute back to its default."),
        click.option(
            "--set", "sets", multiple=True, metavar="PATH=VALUE", help="Set an attribute, such as api.workers=4."
        ),
    ):
        command = option(command)
    return command


@proposals.command("list")
@common
@click.pass_obj
def list_(settings: Settings) -> None:
    """List the proposals.

    \b
    Example:  crowbar proposals list
    Next:     crowbar proposals show BARCLAMP
    """
    with opened(settings) as context:
        found = context.store.proposals.list()
    rows = [(one.barclamp, one.name, one.revision, _holders(one)) for one in found]
    show(
        settings,
        {"proposals": [_document(one) for one in found]},
        ("barclamp", "name", "revision", "roles"),
        rows,
        "There is no proposal yet: `crowbar deploy --single-node` or `crowbar proposals create BARCLAMP` makes some.",
    )


@proposals.command("show")
@_named
@click.option("--all", "complete", is_flag=True, help="All attributes, those at their defaults too.")
@common
@click.pass_obj
def show_(settings: Settings, barclamp: str, name: str, complete: bool) -> None:
    """Show the proposal of BARCLAMP as it would stand in a cluster file: what differs from the defaults.

    \b
    Example:  crowbar proposals show nova --all
    Next:     crowbar proposals edit nova --set PATH=VALUE
    """
    from dataclasses import replace

    from crowbar.catalog import attributes
    from crowbar.services.proposals import get

    with opened(settings) as context:
        found = get(context, barclamp, name)
        clamp = context.catalog.get(found.barclamp)
        if complete:
            found = replace(found, attributes=attributes.complete(clamp, found.attributes))
        if settings.json:
            show_json(_document(found))
        elif complete:
            import yaml

            click.echo(yaml.safe_dump(_document(found), sort_keys=False, allow_unicode=True).rstrip())
        else:
            click.echo(_text(context, found).rstrip())


@proposals.command()
@_named
@_changes
@common
@click.pass_obj
def create(
    settings: Settings,
    barclamp: str,
    name: str,
    sets: tuple[str, ...],
    unset: tuple[str, ...],
    roles: tuple[str, ...],
    file: Path | None,
) -> None:
    """Make a proposal of BARCLAMP with all defaults. Where there is only one node, it holds all roles.

    \b
    Example:  crowbar proposals create memcached --role memcached-server=node1 --set memory_mib=256
    Next:     crowbar plan
    """
    from crowbar.services.proposals import suggested

    with opened(settings) as context:
        proposal = suggested(context, barclamp, name)
        _save(settings, context, _changed(context, proposal, sets, unset, roles, file))


@proposals.command()
@_named
@_changes
@common
@click.pass_obj
def edit(
    settings: Settings,
    barclamp: str,
    name: str,
    sets: tuple[str, ...],
    unset: tuple[str, ...],
    roles: tuple[str, ...],
    file: Path | None,
) -> None:
    """Change the proposal of BARCLAMP: by options, or, without any, in your $EDITOR.

    Values are YAML: 4 is a number, [a, b] a list. A faulty change changes nothing.

    \b
    Example:  crowbar proposals edit keystone --set region=North --unset workers
    Next:     crowbar plan shows which steps that would run
    """
    from crowbar.services.proposals import get

    with opened(settings) as context:
        proposal = get(context, barclamp, name)
        if sets or unset or roles or file:
            changed = _changed(context, proposal, sets, unset, roles, file)
        else:
            changed = _in_editor(context, proposal)
        _save(settings, context, changed)


@proposals.command()
@_named
@common
@click.pass_obj
def delete(settings: Settings, barclamp: str, name: str) -> None:
    """Delete the proposal of BARCLAMP. The next deployment removes its roles from their nodes.

    \b
    Example:  crowbar proposals delete dashboard
    Next:     crowbar plan
    """
    from crowbar.services.proposals import delete as remove

    with opened(settings) as context:
        remove(context, barclamp, name)
    if settings.json:
        show_json({"deleted": {"barclamp": barclamp, "name": name}})
    else:
        note(f"Deleted the proposal {barclamp}/{name}. Next: crowbar plan")


def _changed(
    context: Context,
    proposal: WantedProposal,
    sets: tuple[str, ...],
    unset: tuple[str, ...],
    roles: tuple[str, ...],
    file: Path | None,
) -> WantedProposal:
    from crowbar.services import proposals as service

    if file is not None:
        proposal = service.parsed_text(context, proposal, _read(file), str(file))
    return service.edited(context, proposal, settings=service.parsed_settings(sets), unset=unset, roles=_holding(roles))


def _in_editor(context: Context, proposal: WantedProposal) -> WantedProposal:
    from crowbar.services.proposals import parsed_text

    text = click.edit(_text(context, proposal), extension=".yml")
    return proposal if text is None else parsed_text(context, proposal, text, "the edited text")


def _read(file: Path) -> str:
    limit = 1024 * 1024
    try:
        if str(file) == "-":
            text = sys.stdin.read(limit + 1)
        else:
            with file.open(encoding="utf-8") as stream:
                text = stream.read(limit + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8 text'}."
        ) from error
    if len(text) > limit:
        raise InputError(f"{file} is longer than 1 MiB: that is no proposal.")
    return text


def _holding(words: tuple[str, ...]) -> dict[str, list[str]]:
    pairs = [word.partition("=") for word in words]
    if any(not role or not equals for role, equals, _ in pairs):
        raise click.BadParameter("must be ROLE=NODE[,NODE], such as nova-compute=node1,node2", param_hint="--role")
    return {role: [node for node in nodes.split(",") if node] for role, _, nodes in pairs}


def _save(settings: Settings, context: Context, proposal: WantedProposal) -> None:
    from crowbar.services.proposals import save

    saved = save(context, proposal)
    if settings.json:
        show_json(_document(saved))
    else:
        note(f"The proposal {saved.barclamp}/{saved.name} is at revision {saved.revision}. Next: crowbar plan")


def _text(context: Context, proposal: WantedProposal) -> str:
    from crowbar.catalog.batch import dump_batch

    return dump_batch([proposal], context.catalog)


def _holders(proposal: Proposal) -> str:
    return "  ".join(f"{role}: {', '.join(nodes)}" for role, nodes in proposal.elements.items()) or "-"


def _document(proposal: Proposal | WantedProposal) -> dict[str, Any]:
    revision = getattr(proposal, "revision", None)
    return {
        "barclamp": proposal.barclamp,
        "name": proposal.name,
        **({} if revision is None else {"revision": revision}),
        "attributes": dict(proposal.attributes),
        "deployment": {"elements": {role: list(nodes) for role, nodes in proposal.elements.items()}},
    }
