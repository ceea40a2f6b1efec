"""`crowbar barclamps`: what can be installed, and how to add to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crowbar.errors import InputError
from crowbar_cli.options import Settings, common
from crowbar_cli.output import note, show, show_json, table

if TYPE_CHECKING:
    from crowbar.catalog.model import Barclamp

_WIDEST = 40  # of a default in the table; --output json has it whole


@click.group(short_help="What can be installed; add your own.")
@common
def barclamps() -> None:
    """List and show barclamps; make and check one of your own.

    A barclamp is one folder that knows how to install one system. Your own go to /etc/crowbar/barclamps, or to the
    folders that $CROWBAR_BARCLAMPS names.
    """


@barclamps.command("list")
@common
@click.pass_obj
@click.pass_context
def list_(ctx: click.Context, settings: Settings) -> None:
    """List the barclamps that were found. Ends with exit code 2 if some are broken; the others still work.

    \b
    Example:  crowbar barclamps list
    Next:     crowbar barclamps show NAME
    """
    from crowbar.catalog.load import load_catalog

    catalog, faults = load_catalog()
    rows = [(one.name, ", ".join(one.aliases) or "-", ", ".join(one.roles), one.summary) for one in catalog]
    document = {"barclamps": [_brief(one) for one in catalog], "faults": faults}
    show(settings, document, ("name", "aliases", "roles", "summary"), rows, "There is no barclamp.")
    for fault in faults:
        note(f"crowbar: {fault}")
    if faults:
        ctx.exit(InputError.exit_code)


@barclamps.command("show")
@click.argument("name")
@common
@click.pass_obj
def show_(settings: Settings, name: str) -> None:
    """Show barclamp NAME (or its alias): roles, what it needs, and its attributes with defaults.

    \b
    Example:  crowbar barclamps show keystone
    Next:     crowbar proposals edit keystone --set PATH=VALUE
    """
    from crowbar.catalog.load import load_catalog

    found = load_catalog()[0].get(name)
    if settings.json:
        show_json({**_brief(found), "schema": found.schema})
        return
    click.echo(f"{found.name}: {found.summary}\n")
    for title, words in (("Aliases", found.aliases), ("Requires", found.requires), ("Uses if there", found.wants)):
        if words:
            click.echo(f"{title}: {', '.join(words)}")
    click.echo(
        "\n" + table(("role", "nodes", "summary"), [(r.name, _count(r.count), r.summary) for r in found.roles.values()])
    )
    attributes = list(_attributes(found.schema))
    if attributes:
        click.echo("\n" + table(("attribute", "default", "what it is"), attributes))


@barclamps.command()
@click.argument("name")
@common
@click.pass_obj
def new(settings: Settings, name: str) -> None:
    """Make a barclamp NAME in the current folder: a role, its schema, a gate and a test, clean under `lint`.

    \b
    Example:  crowbar barclamps new motd
    Next:     edit motd/, then: crowbar barclamps lint motd
    """
    from crowbar.catalog.scaffold import scaffold

    folder = scaffold(name, Path.cwd())
    if settings.json:
        show_json({"folder": folder})
    else:
        click.echo(f"Made {folder}. Next: crowbar barclamps lint {folder.name}")


@barclamps.command()
@click.argument("folder", type=click.Path(path_type=Path))
@common
@click.pass_obj
def lint(settings: Settings, folder: Path) -> None:
    """Check the barclamp in FOLDER and report all faults, each with its place.

    \b
    Example:  crowbar barclamps lint motd
    Next:     cp -r motd /etc/crowbar/barclamps/, then: crowbar barclamps list
    """
    from crowbar.catalog.lint import lint as check
    from crowbar.catalog.load import load_catalog

    faults = check(folder, load_catalog()[0])
    if faults:
        raise InputError(f"{folder} has {len(faults)} fault{'s' if len(faults) > 1 else ''}.", faults=faults)
    if settings.json:
        show_json({"folder": folder, "faults": []})
    else:
        click.echo(f"{folder}: no faults.")


def _brief(found: Barclamp) -> dict[str, Any]:
    return {
        "name": found.name,
        "summary": found.summary,
        "aliases": found.aliases,
        "requires": found.requires,
        "wants": found.wants,
        "roles": {role.name: {"summary": role.summary, "count": role.count} for role in found.roles.values()},
        "path": found.path,
    }


def _count(count: Any) -> str:
    if count.max is None:
        return f"{count.min} or more"
    return str(count.min) if count.min == count.max else f"{count.min} to {count.max}"


def _attributes(schema: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Each attribute by its dotted path, with its default and title; a group is shown by what is in it."""
    import json

    for name, sub in schema.get("properties", {}).items():
        if sub.get("properties"):
            yield from _attributes(sub, f"{prefix}{name}.")
        else:
            default = json.dumps(sub.get("default"), ensure_ascii=False)
            shown = default if len(default) <= _WIDEST else f"{default[: _WIDEST - 3]}..."
            yield f"{prefix}{name}", shown, str(sub.get("title", ""))
