"""`crowbar nodes`: the nodes with their roles, and those that deployments leave out."""

from __future__ import annotations

from collections import defaultdict

import click

from crowbar_cli.options import Settings, common
from crowbar_cli.output import show
from crowbar_cli.session import opened


@click.group(short_help="Nodes and their roles; quarantine.")
@common
def nodes() -> None:
    """The nodes that deployments are about, whatever they are: machines, a container, this host.

    A node in quarantine is left out of deployments until it is released, and keeps what it has.
    """


@nodes.command("list")
@common
@click.pass_obj
def list_(settings: Settings) -> None:
    """List the nodes with state, health, and the roles that they hold.

    \b
    Example:  crowbar nodes list
    Next:     crowbar nodes quarantine NODE --reason "its fan is loud"
    """
    with opened(settings) as context:
        found = context.store.nodes.list()
        roles = defaultdict(list)
        for applied in context.store.applied.list():
            barclamp = context.catalog.find(applied.barclamp)
            if barclamp is not None and applied.role in barclamp.roles and "/gate@" not in applied.key:
                roles[applied.node].append(applied.role)
    documents = [
        {
            "name": node.name,
            "kind": node.kind,
            "state": node.state,
            "health": node.health,
            "address": node.addresses.get("admin", ""),
            "roles": roles[node.name],
            "remark": node.last_error,
        }
        for node in found
    ]
    rows = [
        (
            one["name"],
            one["state"],
            one["health"],
            one["address"] or "-",
            ", ".join(roles[node.name]) or "-",
            one["remark"],
        )
        for one, node in zip(documents, found, strict=True)
    ]
    headers = ("node", "state", "health", "address", "roles", "remark")
    show(settings, {"nodes": documents}, headers, rows, "There is no node yet: crowbar deploy --help")


@nodes.command()
@click.argument("wanted", nargs=-1, required=True, metavar="NODE...")
@click.option("--reason", required=True, help="Why; shown wherever the node is left out.")
@common
@click.pass_obj
def quarantine(settings: Settings, wanted: tuple[str, ...], reason: str) -> None:
    """Leave these nodes out of deployments until they are released. What runs on them runs on.

    \b
    Example:  crowbar nodes quarantine node3 --reason "disk is failing"
    Next:     crowbar plan, which says what is left out
    """
    from crowbar.services.quarantine import quarantine as put

    with opened(settings) as context:
        names = put(context, wanted, reason)
    show(settings, {"action": "quarantine", "nodes": names}, ("in quarantine",), [(name,) for name in names])


@nodes.command()
@click.argument("wanted", nargs=-1, required=True, metavar="NODE...")
@common
@click.pass_obj
def release(settings: Settings, wanted: tuple[str, ...]) -> None:
    """Have these nodes deployed to again: the next deployment brings them up to date.

    \b
    Example:  crowbar nodes release node3
    Next:     crowbar deploy
    """
    from crowbar.services.quarantine import release as free

    with opened(settings) as context:
        names = free(context, wanted)
    show(settings, {"action": "release", "nodes": names}, ("released",), [(name,) for name in names])
