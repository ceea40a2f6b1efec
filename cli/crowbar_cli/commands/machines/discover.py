"""`crowbar machines discover` and `approve`: how machines come in."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from crowbar.errors import Fault, InputError
from crowbar_cli.asking import agree
from crowbar_cli.options import Settings, common
from crowbar_cli.output import note, show
from crowbar_cli.session import opened

if TYPE_CHECKING:
    from crowbar.services.machines.adding import Added, Candidate
    from crowbar_inventory.bmc.model import Credential

_PASSWORD = "CROWBAR_BMC_PASSWORD"  # noqa: S105 - the variable's name


@click.command()
@click.option("--bmc", "addresses", multiple=True, metavar="ADDRESS", help="ipmi://10.0.1.10, or ipmi://10.0.1.10-40.")
@click.option(
    "--csv", "listing", type=click.Path(path_type=Path), help="Lines address,user,password,name (- is stdin)."
)
@click.option("--rack", "from_rack", is_flag=True, help="All machines of the virtual rack (`crowbar rack up`).")
@click.option("--user", default="admin", show_default=True, help="Who logs in to the BMCs.")
@click.option("--password-file", type=click.Path(path_type=Path), help=f"Else ${_PASSWORD}, else it is asked for.")
@click.option("--name", default="", help="The machine's name, where there is one BMC.")
@click.option("--mac", default="", help="The MAC that it boots from, where it is known.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before servers that are on are restarted.")
@common
@click.pass_obj
def discover(
    settings: Settings,
    addresses: tuple[str, ...],
    listing: Path | None,
    from_rack: bool,
    user: str,
    password_file: Path | None,
    name: str,
    mac: str,
    yes: bool,
) -> None:
    """Bring machines in by their BMCs: log in to all of them at once, and have them boot into discovery.

    Servers that are on are restarted for it, which is asked before.

    A machine that boots from the network unasked needs no command: it is in `crowbar machines list`, and waits for
    `crowbar machines approve`.

    \b
    Example:  crowbar machines discover --bmc ipmi://10.0.1.10-40 --user admin
              crowbar machines discover --csv bmcs.csv
    Next:     crowbar machines list
    """
    from crowbar.services.machines.adding import add

    candidates = _candidates(addresses, listing, lambda: _credential(user, password_file))
    candidates += _rack(settings) if from_rack else []
    if not candidates:
        raise InputError("No BMC was named.", hint="Use --bmc, --csv or --rack; see --help.")
    if name or mac:
        if len(candidates) != 1:
            raise InputError(f"--name and --mac are of one machine, and these are {len(candidates)}.")
        candidates = [replace(candidates[0], name=name or candidates[0].name, mac=mac or candidates[0].mac)]
    with opened(settings) as context:
        found = add(context.store, candidates, _tell, lambda working: None if yes else _agree(working))
    rows = [(one.name, one.address, one.power.value, one.problem or "known") for one in found]
    show(settings, {"machines": found}, ("machine", "bmc", "power", "result"), rows)
    if failed := [one for one in found if one.problem]:
        note(f"{len(failed)} of {len(found)} BMCs did not let Crowbar in. The same command asks all of them again.")
        sys.exit(1)


@click.command()
@click.argument("wanted", nargs=-1, metavar="[MACHINE]...")
@click.option("--all", "every", is_flag=True, help="All that wait for it.")
@common
@click.pass_obj
def approve(settings: Settings, wanted: tuple[str, ...], every: bool) -> None:
    """Let machines in that booted from the network unasked. Their agents ask again within ten seconds.

    \b
    Example:  crowbar machines approve d52-54-00-12-34-56
    Next:     crowbar machines list
    """
    from crowbar.services.machines.wishes import approve as let_in
    from crowbar_cli.commands.machines.listing import named, names

    with opened(settings) as context:
        if every:
            waiting = [machine.name for machine in context.store.machines.all() if not machine.approved]
            chosen = list(dict.fromkeys([*named(context, wanted), *waiting]))
        else:
            chosen = names(context, wanted)
        let_in(context.store, chosen)
    rows = [(name,) for name in chosen]
    show(settings, {"action": "approve", "machines": chosen}, ("approved",), rows, "No machine waits for approval.")


def _agree(working: Sequence[str]) -> None:
    agree(f"These servers are on, and will be restarted into the discovery system: {', '.join(working)}. Go on?")


def _candidates(addresses: tuple[str, ...], listing: Path | None, ask: Callable[[], Credential]) -> list[Candidate]:
    from crowbar.services.machines.adding import Candidate
    from crowbar_inventory.bmc.address import AddressError
    from crowbar_inventory.bmc.listing import ListedBmc, expand, read_list

    listed: list[ListedBmc] = []
    faults: list[Fault] = []
    for text in addresses:
        try:
            listed += [ListedBmc(address) for address in expand(text)]
        except AddressError as error:
            faults += [Fault("--bmc", fault) for fault in error.faults]
    if listing is not None:
        try:
            listed += read_list(_text(listing))
        except AddressError as error:
            faults += [Fault(str(listing), fault) for fault in error.faults]
    if faults:
        raise InputError("These are no BMCs.", faults=faults)
    asked: list[Credential] = []  # once for all, and only if one needs it
    for one in listed:
        if one.credential is None and not asked:
            asked.append(ask())
    return [Candidate(one.address, one.credential or asked[0], one.name) for one in listed]


def _text(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error


def _credential(user: str, password_file: Path | None) -> Credential:
    """A password is never an argument: every user of this host could read it there."""
    from crowbar_inventory.bmc.model import Credential

    if password_file is not None:
        password = _text(password_file).rstrip("\r\n")
        if not password:
            raise InputError(f"There is no password in {password_file}.")
        return Credential(user, password)
    if given := os.environ.get(_PASSWORD):
        return Credential(user, given)
    if not sys.stdin.isatty():
        raise InputError(
            "The BMCs' password is not given, and nobody can be asked here.",
            hint=f"Set {_PASSWORD} or --password-file.",
        )
    return Credential(user, click.prompt(f"Password of {user} at the BMCs", hide_input=True, err=True))


def _rack(settings: Settings) -> list[Candidate]:
    from crowbar.rack.virtual.record import load
    from crowbar_cli.rack_bmcs import candidate_of

    return [candidate_of(machine) for machine in load(settings.state.rack).machines]


def _tell(added: Added) -> None:
    note(f"{added.name:<24} {added.address:<28} {added.problem or f'power {added.power}'}")
