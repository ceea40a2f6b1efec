"""`crowbar credentials`: where to log in, and with what."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from crowbar_cli.options import Settings, common
from crowbar_cli.output import note, show
from crowbar_cli.session import opened

if TYPE_CHECKING:
    from crowbar.services.context import Context


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
            _write(context, file)
            return
        found = access_points(context)
        secrets = {one.secret: password(context, one.secret) for one in found if one.secret} if reveal else {}
    documents = [
        {
            "title": one.title,
            "url": one.url,
            "user": one.user,
            "secret": one.secret,
            **({"password": secrets.get(one.secret)} if reveal else {}),
        }
        for one in found
    ]
    rows = [
        (
            one.title,
            one.url,
            one.user or "-",
            secrets.get(one.secret, "-") if reveal else "(--show)" if one.secret else "-",
        )
        for one in found
    ]
    show(
        settings,
        {"access": documents},
        ("what", "where", "user", "password"),
        rows,
        "There is nothing to log in to yet. Next: crowbar deploy --single-node",
    )


def _write(context: Context, file: Path) -> None:
    from crowbar.services.credentials import login, write_private

    access = login(context)
    as_clouds = file.suffix in {".yaml", ".yml", ".json"}
    write_private(file, access.clouds_yaml() if as_clouds else access.openrc())
    use = f"OS_CLIENT_CONFIG_FILE={file} openstack --os-cloud crowbar" if as_clouds else f". {file}; openstack"
    note(f"Wrote {file}, which only you can read. Next: {use} server list")
