"""`crowbar batch`: cluster files."""

from __future__ import annotations

from pathlib import Path

import click

from crowbar.errors import InputError
from crowbar_cli.options import Settings, common
from crowbar_cli.output import note, show_json
from crowbar_cli.session import opened


@click.group(short_help="Cluster files, written and read.")
@common
def batch() -> None:
    """Write the proposals to a cluster file, or take them from one.

    A cluster file is YAML with a list `proposals:` in the format of Crowbar's own batch files.
    """


@batch.command("export")
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--barclamp", "-b", "names", multiple=True, help="Only this barclamp (may be given several times).")
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@common
@click.pass_obj
def export_(settings: Settings, file: Path | None, names: tuple[str, ...], force: bool) -> None:
    """Write the saved proposals to FILE (default: standard output), with only what differs from the defaults.

    \b
    Example:  crowbar batch export my-cloud.yml
    Next:     crowbar deploy my-cloud.yml, here or elsewhere
    """
    from crowbar.services.batch import export

    with opened(settings) as context:
        text = export(context, names)
    if file is None:
        if settings.json:
            import yaml

            show_json(yaml.safe_load(text))
        else:
            click.echo(text, nl=False)
        return
    try:
        with file.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise InputError(f"{file} is there already.", hint="Name another file, or replace it with --force.") from None
    except OSError as error:
        raise InputError(f"{file} cannot be written: {error.strerror}.") from error
    if settings.json:
        show_json({"file": file})
    else:
        note(f"Wrote {file}. Next: crowbar deploy {file}")


@batch.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@common
@click.pass_obj
def import_(settings: Settings, file: Path) -> None:
    """Save the proposals of FILE, merged over those that are there, and deploy nothing.

    \b
    Example:  crowbar batch import my-cloud.yml
    Next:     crowbar plan, then crowbar deploy
    """
    from crowbar.services import batch as service

    with opened(settings) as context:
        saved = service.import_(context, file)
    if settings.json:
        show_json(
            {"proposals": [{"barclamp": one.barclamp, "name": one.name, "revision": one.revision} for one in saved]}
        )
    else:
        note(f"Saved {len(saved)} proposals. Next: crowbar plan")
