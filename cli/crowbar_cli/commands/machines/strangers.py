"""`crowbar machines strangers`: what was heard of servers that are no machine yet."""

from __future__ import annotations

import click

from crowbar.errors import InputError
from crowbar_cli.options import Settings, common
from crowbar_cli.output import show, when
from crowbar_cli.session import opened

_MOST = 20_000  # as many as the store keeps


@click.command()
@click.argument("mac", required=False)
@common
@click.pass_obj
def strangers(settings: Settings, mac: str | None) -> None:
    """List the network cards that DHCP heard of and that belong to no machine; with MAC, all that was heard of it.

    A server that was switched on and is in no other list is here, if its requests arrive at all. "-" is the DHCP
    server itself.

    \b
    Example:  crowbar machines strangers
              crowbar machines strangers 52:54:00:12:34:56
    Next:     crowbar machines approve MACHINE, when it has registered
    """
    from crowbar_inventory.identity import clean_mac

    wanted = clean_mac(mac) if mac else None
    if wanted == "":
        raise InputError(f"{mac!r} is no MAC address.")
    with opened(settings) as context:
        known = {one for machine in context.store.machines.all() for one in machine.macs}
        events = context.store.machine_events.timeline("", limit=_MOST)
    if wanted:
        mine = [event for event in events if event.data.get("mac") == wanted]
        rows = [(when(event.at), event.actor, event.kind, event.message) for event in mine]
        show(
            settings, {"timeline": mine}, ("at (UTC)", "who", "what", "words"), rows, f"Nothing was heard of {wanted}."
        )
        return
    newest = {}
    for event in events:
        who = str(event.data.get("mac", "-"))
        if who not in known:
            newest[who] = event
    last = sorted(newest.items(), key=lambda item: item[1].at, reverse=True)
    document = {"strangers": [{"mac": who, "last": event} for who, event in last]}
    rows = [(who, when(event.at), event.kind, event.message) for who, event in last]
    show(settings, document, ("mac", "last heard (UTC)", "what", "words"), rows, "Nothing was heard of any stranger.")
