"""`crowbar inventory`: the nodes for plain Ansible."""

from __future__ import annotations

import click

from crowbar.errors import InputError
from crowbar_cli.options import Settings, common
from crowbar_cli.output import show_json
from crowbar_cli.session import opened


@click.command(short_help="The nodes for plain Ansible.")
@click.option("--list", "listed", is_flag=True, help="All groups and hosts; as without an option.")
@click.option("--host", "name", metavar="NODE", help="The variables of one host.")
@click.option("--collections", is_flag=True, help="Where the collection with the inventory plugin is; nothing else.")
@common
@click.pass_obj
def inventory(settings: Settings, listed: bool, name: str | None, collections: bool) -> None:
    """Print the nodes as an Ansible inventory: groups by state, health, group and role, and how each is reached.

    This is what the inventory plugin `crowbar.node.nodes` asks for. A file named crowbar.yml that says `plugin:
    crowbar.node.nodes` is then an inventory for every command of Ansible. Host keys are pinned: see
    docs/how-to/use-ansible.md.

    \b
    Example:  crowbar inventory --list
              export ANSIBLE_COLLECTIONS_PATH=$(crowbar inventory --collections)
              echo 'plugin: crowbar.node.nodes' > crowbar.yml
    Next:     ansible-inventory -i crowbar.yml --graph
    """
    from crowbar.paths import data_dir
    from crowbar.services.ansible_inventory import read

    if listed + bool(name) + collections > 1:
        raise InputError("--list, --host and --collections exclude each other.")
    if collections:
        click.echo(data_dir() / "playbooks" / "collections")
        return
    with opened(settings) as context:
        found = read(context)
    if name is None:
        show_json(found)
        return
    hosts = found["_meta"]["hostvars"]
    if name not in hosts:
        raise InputError(f"There is no node {name!r}.", hint="crowbar inventory --list shows all.")
    show_json(hosts[name])
