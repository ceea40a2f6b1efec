"""`crowbar machines`: servers from the first sight of them to an installed system."""

from __future__ import annotations

import click

from crowbar_cli.commands.machines.discover import approve, discover
from crowbar_cli.commands.machines.listing import list_, show_
from crowbar_cli.commands.machines.power import console, identify, power
from crowbar_cli.commands.machines.strangers import strangers
from crowbar_cli.commands.machines.wishes import alias, allocate, delete, group, inspect, install, reinstall, reset
from crowbar_cli.options import common


@click.group(short_help="Servers: discovered, powered, installed.")
@common
def machines() -> None:
    """Bring servers in, look at them, and have them installed.

    `crowbar serve` must run: it answers servers that boot from the network, and carries out what is asked for here.

    \b
    Example:  crowbar machines discover --bmc ipmi://10.0.1.10-40 --user admin
              crowbar machines list
              crowbar machines install --all
    """


for _command in (
    discover, strangers, approve, list_, show_, power, identify, console, allocate, install, reinstall, inspect, reset,
    alias, group, delete,
):  # fmt: skip
    machines.add_command(_command)
