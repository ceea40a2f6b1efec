"""`crowbar credentials`: where to log in, and with what."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from crowbar_cli.options import Settings, common
from crowbar_cli.output import note, show, show_json
from crowbar_cli.session import opened

if TYPE_CHECKING:
    from crowbar.services.context import Context
    from crowbar.services.credentials import AccessPoint


@click.command(short_help="Where to log in, and with what.")
@click.option("--show", "reveal", is_flag=True, help="Show the passwords too.")
@click.option(
    "--write",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a file (mode 0600) that OpenStack's clients read: clouds.yaml by its name, else an openrc.",
)
@common
@click.pass_obj
def credentials(settings: Settings, reveal: bool, file: Path | None) -> None:
    """Show the addresses of the cloud and who logs in there; passwords only with --show.

    \b
    Example:  crowbar credentials --show
              crowbar credentials --write clouds.yaml && openstack --os-cloud crowbar server list
    Next:     crowbar shell --openstack
    """
    from crowbar.services.credentials import access_points, password

    with opened(settings) as context:
        if file is not None:
            _write(settings, context, file)
            return
        found = access_points(context)
        secrets = {one.secret: password(context, one.secret) for one in found if one.secret} if reveal else {}
    nothing = "There is nothing to log in to yet. Next: crowbar deploy --single-node"
    documents = [{**_document(one), **({"password": secrets.get(one.secret)} if reveal else {})} for one in found]
    hidden = "-" if reveal else "(--show)"
    rows = [
        (one.title, one.url, one.user or "-", secrets.get(one.secret, hidden if one.secret else "-")) for one in found
    ]
    show(settings, {"access": documents}, ("what", "where", "user", "password"), rows, nothing)


def _document(point: AccessPoint) -> dict[str, Any]:
    return {"title": point.title, "url": point.url, "user": point.user, "secret": point.secret}


def _write(settings: Settings, context: Context, file: Path) -> None:
    from crowbar.services.credentials import login, write_private

    access = login(context)
    as_clouds = file.suffix in {".yaml", ".yml", ".json"}
    write_private(file, access.clouds_yaml() if as_clouds else access.openrc())
    use = f"OS_CLIENT_CONFIG_FILE={file} openstack --os-cloud crowbar" if as_clouds else f". {file}; openstack"
    if settings.json:
        show_json({"file": file})
        return
    note(f"Wrote {file}, which only you can read. Next: {use} server list")
