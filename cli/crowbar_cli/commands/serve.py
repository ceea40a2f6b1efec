"""`crowbar serve`: the admin node's services."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from crowbar_cli.interrupt import serving
from crowbar_cli.options import Settings, common
from crowbar_cli.output import note
from crowbar_cli.session import opened
from crowbar_cli.unit_file import serve_unit

if TYPE_CHECKING:
    from crowbar.services.context import Context
    from crowbar_inventory.rules import Rules


@click.command(short_help="Answer machines: DHCP, boot, discovery, installation.")
@click.option("--port", default=8091, show_default=True, type=click.IntRange(1, 65535), help="HTTP, for machines only.")
@click.option("--proxy-dhcp", is_flag=True, help="Another server gives the addresses; only say where to boot from.")
@click.option("--prepare", is_flag=True, help="Build the discovery system if it is not there, and end.")
@click.option("--print-unit", is_flag=True, help="Print the systemd unit for this installation, and end.")
@common
@click.pass_obj
def serve(settings: Settings, port: int, proxy_dhcp: bool, prepare: bool, print_unit: bool) -> None:
    """Serve the admin network until it is stopped: DHCP and TFTP, boot scripts, the discovery service, images.

    All of it is bound to the interface that has an address in the network `admin`, and to no other. What operators
    wish of machines (`crowbar machines …`) is carried out by it. It may be stopped at any time: machines wait for it,
    and go on when it is back. SIGTERM ends it with exit code 0.

    \b
    Example:  crowbar serve
              crowbar serve --print-unit > /etc/systemd/system/crowbar-serve.service
    Next:     crowbar machines list, in another terminal
    """
    if print_unit:
        click.echo(serve_unit(settings.state.root.absolute()), nl=False)
        return
    if prepare:
        _prepare(settings)
        return
    from contextlib import ExitStack

    from crowbar.api import logs, server
    from crowbar.api.desk import Desk
    from crowbar.provision.discovery import build_discovery
    from crowbar.provision.dnsmasq import DhcpMode
    from crowbar.services.discovery.booting import Offer
    from crowbar.services.lock import serving_lock
    from crowbar.services.machines.access import admin_key
    from crowbar.services.machines.acting import Actor
    from crowbar.services.machines.images import DiskImages
    from crowbar.services.machines.loop import running

    logs.begin()
    with serving(), serving_lock(settings.state), opened(settings) as context:
        network = server.admin_network(context.store)
        place = server.place_in(network)
        rules = _rules(context)
        system = build_discovery(context.state.discovery, note)
        base_url = place.url(port)
        mode = DhcpMode.PROXY if proxy_dhcp else DhcpMode.SERVER
        config = server.dhcp_config(network, place, base_url, mode)
        context.state.disks.mkdir(exist_ok=True)
        desk = Desk(context.store, Offer(base_url, system.digest), rules, system.kernel.parent, context.state.disks)
        images, key = DiskImages(context.state.disks), admin_key(context.state.ssh_key)
        actor = Actor(context.store, images, key, traffic=desk.traffic)
        with (
            server.listening(place, port) as listener,
            server.dhcp(context.store, config, context.state.dhcp),
            ExitStack() as loop,
        ):
            note(f"Serving {network.subnet} on {place.interface} at {base_url}. Ctrl-C stops.")
            server.serve_http(desk, listener, lambda: loop.enter_context(running(actor)))


def _prepare(settings: Settings) -> None:
    from crowbar.provision.discovery import build_discovery

    with serving():
        settings.state.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        system = build_discovery(settings.state.discovery, note)
        note(f"The discovery system {system.digest[:12]} is there.")


def _rules(context: Context) -> Rules:
    """The matching rules, if there are any. Raises InputError with all their faults."""
    from crowbar.errors import Fault, InputError
    from crowbar_inventory.rules import Rules, RulesError, load_rules

    path = context.state.rules
    if not path.exists():
        return Rules()
    try:
        return load_rules(path)
    except RulesError as error:
        faults = [Fault(fault.place, fault.message) for fault in error.faults]
        raise InputError(f"The matching rules in {path} are faulty.", faults=faults) from error
