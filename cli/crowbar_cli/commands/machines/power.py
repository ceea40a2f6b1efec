"""`crowbar machines power`, `identify` and `console`: at once, by the machine's BMC."""

from __future__ import annotations

import select
import sys
import termios
import tty
from typing import TYPE_CHECKING

import click

from crowbar_cli.asking import agree
from crowbar_cli.options import Settings, common
from crowbar_cli.output import note, show, show_json
from crowbar_cli.session import opened

if TYPE_CHECKING:
    from crowbar_inventory.bmc.model import Console

_LEAVE = b"\x1d"  # Ctrl-], as telnet has it
_ACTIONS = ("status", "on", "off", "soft-off", "cycle", "reset")


@click.command()
@click.argument("action", type=click.Choice(_ACTIONS))
@click.argument("wanted", nargs=-1, metavar="[MACHINE]...")
@click.option("--group", "groups", multiple=True, help="All machines of this group.")
@click.option("--all", "every", is_flag=True, help="All machines.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask before a whole group, or all, lose their power.")
@common
@click.pass_obj
def power(
    settings: Settings, action: str, wanted: tuple[str, ...], groups: tuple[str, ...], every: bool, yes: bool
) -> None:
    """Read or change the power of machines, all at once.

    Each order is carried out when the command ends, and was seen to be. Where it was not, the table says why, and the
    exit code is 1.

    \b
    Example:  crowbar machines power cycle node3
    Next:     crowbar machines console node3
    """
    from crowbar.services.machines.power import power_of
    from crowbar_cli.commands.machines.listing import names
    from crowbar_inventory.bmc.model import PowerAction

    with opened(settings) as context:
        chosen = names(context, wanted, every=every, groups=groups)
        if (every or groups) and action not in ("status", "on") and not yes:
            agree(f"Power {action} of {', '.join(chosen)}?")
        found = power_of(context.store, chosen, None if action == "status" else PowerAction(action))
    rows = [(one.machine, one.power.value, one.problem or "-") for one in found]
    show(settings, {"machines": found}, ("machine", "power", "problem"), rows)
    if any(one.problem for one in found):
        sys.exit(1)


@click.command()
@click.argument("name", metavar="MACHINE")
@click.option("--seconds", default=60, show_default=True, type=click.IntRange(0, 255), help="0 puts it out.")
@common
@click.pass_obj
def identify(settings: Settings, name: str, seconds: int) -> None:
    """Have MACHINE's identify light on, for the person who looks for it in the rack.

    \b
    Example:  crowbar machines identify node3 --seconds 120
    """
    from crowbar.services.machines.control import controlled

    with opened(settings) as context, controlled(context.store, name) as bmc:
        bmc.order("bmc.identify", f"identify light for {seconds} s", lambda one: one.identify(seconds))
    if settings.json:
        show_json({"machine": bmc.machine.name, "seconds": seconds})
    else:
        note(f"The light of {name} is on for {seconds} s." if seconds else f"The light of {name} is out.")


@click.command()
@click.argument("name", metavar="MACHINE")
@common
@click.pass_obj
def console(settings: Settings, name: str) -> None:
    """Open MACHINE's serial console (serial over LAN). Ctrl-] leaves it; the machine goes on.

    \b
    Example:  crowbar machines console node3
    """
    from crowbar.errors import NodeError
    from crowbar.services.machines.control import controlled
    from crowbar_inventory.bmc.model import BmcError

    with opened(settings) as context, controlled(context.store, name) as bmc:
        opened_console = bmc.order("bmc.console", "serial console", lambda one: one.console())
        try:
            note(f"Connected to the console of {name}; Ctrl-] leaves it.")
            _talk(opened_console)
        except BmcError as error:
            hint = f"crowbar machines console {name}"
            raise NodeError(f"The console of {name} was lost: {error}.", hint=hint) from error
        finally:
            opened_console.close()
    note("\nLeft the console.")


def _talk(there: Console) -> None:
    """Carry bytes both ways until Ctrl-], the end of standard input, or the end of the console."""
    here = sys.stdin.fileno()
    before = termios.tcgetattr(here) if sys.stdin.isatty() else None
    if before is not None:
        tty.setraw(here)
    try:
        while True:
            if data := there.read(0.1):
                sys.stdout.buffer.write(data)
                sys.stdout.buffer.flush()
            if select.select([here], [], [], 0)[0]:
                typed = sys.stdin.buffer.raw.read(256) if hasattr(sys.stdin.buffer, "raw") else b""
                if not typed or _LEAVE in typed:
                    return
                there.write(typed)
    finally:
        if before is not None:
            termios.tcsetattr(here, termios.TCSADRAIN, before)
