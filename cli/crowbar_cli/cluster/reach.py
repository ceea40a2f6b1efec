"""The host's way to what is behind the gateway of a cloud on the virtual rack, such as its floating addresses.

Real servers' networks are routed by the site's routers; a virtual rack has none but this host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from crowbar.errors import EnvironmentFault
from crowbar_cli.options import Settings

if TYPE_CHECKING:
    from crowbar.catalog.model import WantedProposal
    from crowbar.rack.virtual import RackRecord
    from crowbar.services.context import Context


def _rack(settings: Settings) -> RackRecord | None:
    from crowbar.rack.virtual import load

    try:
        return load(settings.state.rack)
    except EnvironmentFault:  # there is none
        return None


def behind(context: Context, proposals: Mapping[str, WantedProposal]) -> dict[str, str]:
    """The networks behind nodes, each with the node that leads to it. Raises InputError for faulty ones."""
    from crowbar.catalog.routes import routes

    holders = {name for one in proposals.values() for names in one.elements.values() for name in names}
    return {network: name for name in sorted(holders) for network in routes(context.catalog, proposals, name)}


def check(settings: Settings, networks: tuple[str, ...]) -> None:
    """Raises EnvironmentFault, before anything is made, where this host reaches one of the networks otherwise."""
    from crowbar.rack.subnet import check_routes, host_networks

    rack = _rack(settings)
    check_routes(map(IPv4Network, networks), host_networks(but=rack.admin.interface if rack else ""))


def route(
    settings: Settings, context: Context, proposals: Mapping[str, WantedProposal], say: Callable[[str], None]
) -> None:
    """Have this host reach the networks behind the rack's nodes, and no others through it any more."""
    from crowbar.rack.routes import settle_through

    rack = _rack(settings)
    if rack is None:
        return
    known = {node.name: node.addresses.get("admin", "") for node in context.store.nodes.list()}
    mine = {machine.name for machine in rack.machines}
    wanted = {
        network: known[name] for network, name in behind(context, proposals).items() if name in mine and known.get(name)
    }
    ours = {known[name] for name in mine if known.get(name)}
    for network, address in settle_through(rack.admin.interface, wanted, ours).items():
        say(f"this host reaches {network} through {address}")
