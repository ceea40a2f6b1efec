"""`crowbar networks`: the named subnets that machines get addresses from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from crowbar.errors import Fault, InputError
from crowbar_cli.options import Settings, common
from crowbar_cli.output import note, show, show_json, table
from crowbar_cli.session import opened

if TYPE_CHECKING:
    from crowbar.store.machine_model import Network


@click.group(short_help="Networks and their addresses.")
@common
def networks() -> None:
    """Name the networks of the rack, and see who has which address in them.

    `admin` is the one that machines boot from. Its range `host` is for known machines, `dynamic` for those that
    nobody knows yet; without `dynamic`, unknown machines get no address.

    \b
    Example:  crowbar networks set admin --subnet 10.0.0.0/24 \\
                  --range host=10.0.0.20-10.0.0.150 --range dynamic=10.0.0.151-10.0.0.250
    """


@networks.command("list")
@common
@click.pass_obj
def list_(settings: Settings) -> None:
    """List the networks.

    \b
    Example:  crowbar networks list
    """
    with opened(settings) as context:
        found = context.store.networks.list()
    rows = [(n.name, n.subnet, n.gateway or "-", n.vlan or "-", n.mtu, _ranges(n)) for n in found]
    headers = ("network", "subnet", "gateway", "vlan", "mtu", "ranges")
    show(settings, {"networks": found}, headers, rows, "There is no network yet: crowbar networks set admin --help")


@networks.command("show")
@click.argument("name")
@common
@click.pass_obj
def show_(settings: Settings, name: str) -> None:
    """Show the network NAME and who has which address in it.

    \b
    Example:  crowbar networks show admin
    """
    with opened(settings) as context:
        found = context.store.networks.get(name)
        hosts = context.store.networks.hosts(name)
    if found is None:
        raise InputError(f"There is no network {name!r}.", hint="crowbar networks list")
    if settings.json:
        show_json({"network": found, "addresses": [entry._asdict() for entry in hosts]})
        return
    click.echo(f"{found.name}: {found.subnet}, {_ranges(found) or 'no ranges'}")
    click.echo(f"machines that come unasked are {'let in' if found.auto_approve else 'to be approved'}")
    if hosts:
        click.echo("\n" + table(("address", "node", "mac"), [(h.address, h.node, h.mac or "-") for h in hosts]))


@networks.command("set")
@click.argument("name")
@click.option("--subnet", help="Such as 10.0.0.0/24.")
@click.option("--gateway", help="The way out that machines are told.")
@click.option("--vlan", type=int, help="1 to 4094; 0 for untagged.")
@click.option("--mtu", type=int)
@click.option(
    "--range",
    "ranges",
    multiple=True,
    metavar="USE=FIRST-LAST",
    help="Such as host=10.0.0.20-10.0.0.150; host= takes it away.",
)
@click.option(
    "--auto-approve/--no-auto-approve", default=None, help="Let machines in that boot from this network unasked."
)
@common
@click.pass_obj
def set_(
    settings: Settings,
    name: str,
    subnet: str | None,
    gateway: str | None,
    vlan: int | None,
    mtu: int | None,
    ranges: tuple[str, ...],
    auto_approve: bool | None,
) -> None:
    """Make the network NAME, or change what is given of it.

    \b
    Example:  crowbar networks set admin --auto-approve
    """
    from dataclasses import replace

    from crowbar.store.machine_model import Network
    from crowbar.store.network_rules import faults_of

    given = {"subnet": subnet, "gateway": gateway, "vlan": vlan, "mtu": mtu, "auto_approve": auto_approve}
    changes = {key: value for key, value in given.items() if value is not None}
    with opened(settings) as context:
        before = context.store.networks.get(name)
        if before is None and subnet is None:
            raise InputError(f"There is no network {name!r} yet, so it needs a --subnet.")
        base = before or Network(name, subnet or "")
        parsed, faults = _parsed(ranges)
        merged = {use: ends for use, ends in {**base.ranges, **parsed}.items() if ends}
        wanted = replace(base, **changes, ranges=merged)  # type: ignore[arg-type] # click's types
        if faults:
            raise InputError(f"Network {name!r} cannot be saved.", faults=[*faults, *faults_of(wanted)])
        context.store.networks.save(wanted)
        saved = context.store.networks.get(name)
    _tell(settings, saved, f"The network {name} is {'changed' if before else 'known'}.")


@networks.command()
@click.argument("name")
@common
@click.pass_obj
def delete(settings: Settings, name: str) -> None:
    """Forget the network NAME; refused while nodes have addresses in it.

    \b
    Example:  crowbar networks delete storage
    """
    with opened(settings) as context:
        if context.store.networks.get(name) is None:
            raise InputError(f"There is no network {name!r}.", hint="crowbar networks list")
        context.store.networks.delete(name)
    _tell(settings, None, f"The network {name} is gone.")


def _tell(settings: Settings, network: Network | None, words: str) -> None:
    if settings.json:
        show_json({"network": network})
    else:
        note(words)


def _ranges(network: Network) -> str:
    return ", ".join(f"{use} {first}-{last}" for use, (first, last) in network.ranges.items())


def _parsed(ranges: tuple[str, ...]) -> tuple[dict[str, tuple[str, str] | None], list[Fault]]:
    """The ranges by use, None for one that is taken away; and what is wrong with them."""
    parsed: dict[str, tuple[str, str] | None] = {}
    faults = []
    for text in ranges:
        use, mark, span = text.partition("=")
        first, dash, last = span.partition("-")
        if not use or not mark or (span and not (first and dash and last)):
            faults.append(Fault(f"--range {text}", "a range is like host=10.0.0.20-10.0.0.150"))
        elif use in parsed:
            faults.append(Fault(f"--range {text}", f"the range {use} is given twice"))
        else:
            parsed[use] = (first.strip(), last.strip()) if span else None
    return parsed, faults
