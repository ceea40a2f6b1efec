"""`crowbar machines list` and `show`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from crowbar.errors import Fault, InputError
from crowbar_cli.options import Settings, common
from crowbar_cli.output import show, show_json, table, when
from crowbar_cli.session import opened

if TYPE_CHECKING:
    from crowbar.services.context import Context
    from crowbar.store.machine_model import MachineEvent, MachineView
    from crowbar_inventory.hardware import Hardware

_HEADERS = ("machine", "state", "health", "power", "admin address", "hardware", "alias", "group", "remark")
_GB = 10**9


@click.command("list")
@click.option("--state", "states", multiple=True, help="Only machines in this state.")
@click.option("--health", "healths", multiple=True, help="Only machines of this health (ok, delayed, problem …).")
@click.option("--group", "groups", multiple=True, help="Only machines of this group.")
@common
@click.pass_obj
def list_(settings: Settings, states: tuple[str, ...], healths: tuple[str, ...], groups: tuple[str, ...]) -> None:
    """List the machines with state, health, power and hardware.

    \b
    Example:  crowbar machines list --health problem
    Next:     crowbar machines show MACHINE --timeline
    """
    _check_words(states, healths)
    with opened(settings) as context:
        found = context.store.machines.list()
    wanted = [
        view
        for view in found
        if (not states or view.state.value in states)
        and (not healths or view.health.value in healths)
        and (not groups or view.machine.group in groups)
    ]
    show(
        settings,
        {"machines": [document(view) for view in wanted]},
        _HEADERS,
        [_row(view) for view in wanted],
        "There is no such machine. `crowbar machines discover` brings them in."
        if found
        else "There is no machine yet. `crowbar machines discover` brings them in.",
    )


@click.command("show")
@click.argument("name", metavar="MACHINE")
@click.option("--timeline", is_flag=True, help="Its whole way: orders to its BMC, DHCP, TFTP, boot scripts, its agent.")
@click.option("--raw", is_flag=True, help="What its agent sent, unparsed (JSON).")
@common
@click.pass_obj
def show_(settings: Settings, name: str, timeline: bool, raw: bool) -> None:
    """Show MACHINE: what it is made of, how it stands, and how it came there.

    \b
    Example:  crowbar machines show node1 --timeline
    Next:     crowbar machines console MACHINE, to see what it shows
    """
    from crowbar.services.machines.control import known

    with opened(settings) as context:
        machine = known(context.store, name)
        view = context.store.machines.view(machine.name)
        events = context.store.machine_events.timeline(machine.name, machine.macs)
        if raw:
            show_json(context.store.hardware.raw(machine.name))
            return
    if view is None:  # deleted at this moment
        raise InputError(f"There is no machine {name!r} any more.")
    if settings.json:
        show_json(document(view) | ({"timeline": events} if timeline else {}))
        return
    click.echo(table(("what", "is"), list(_facts(view))))
    if view.hardware is not None:
        click.echo("\n" + _parts(view.hardware))
    if timeline:
        click.echo("\n" + _timeline(events))


def _check_words(states: Iterable[str], healths: Iterable[str]) -> None:
    """Raises InputError for words that no machine's state or health can be: a filter with a typo finds nothing."""
    from crowbar.store.model import Health, NodeState

    given: tuple[tuple[str, Iterable[str], tuple[str, ...]], ...] = (
        ("--state", states, tuple(NodeState)),
        ("--health", healths, tuple(Health)),
    )
    faults = [
        Fault(f"{option} {word}", f"is none of {', '.join(known)}")
        for option, words, known in given
        for word in words
        if word not in known
    ]
    if faults:
        raise InputError("No machine can be like this.", faults=faults)


def document(view: MachineView) -> dict[str, Any]:
    """A machine as JSON."""
    from crowbar_cli.output import as_plain

    plain: dict[str, Any] = as_plain(view)
    return plain


def _row(view: MachineView) -> Sequence[object]:
    return (
        view.machine.name,
        view.state.value,
        view.health.value,
        view.machine.power.value,
        view.addresses.get("admin", "-"),
        _hardware(view.hardware),
        ", ".join(view.aliases) or "-",
        view.machine.group or "-",
        view.last_error or ("-" if view.machine.approved else "waits for approval"),
    )


def _hardware(hardware: Hardware | None) -> str:
    if hardware is None:
        return "-"
    disks = "+".join(f"{disk.size / _GB:.0f}" for disk in hardware.disks) or "0"
    return f"{hardware.cpu.threads} CPU, {hardware.memory_mib} MiB, {disks} GB"


def _facts(view: MachineView) -> Iterable[tuple[str, object]]:
    machine, hardware = view.machine, view.hardware
    yield "machine", machine.name
    yield "aliases", ", ".join(view.aliases) or "-"
    yield "state", f"{view.state} since {when(view.since)} UTC, wanted: {machine.target}"
    yield "health", f"{view.health}{': ' + view.last_error if view.last_error else ''}"
    yield "power", machine.power
    yield "BMC", machine.bmc or "-"
    yield "last seen", f"{when(machine.last_seen)} UTC: {machine.last_words}" if machine.last_seen else "never"
    yield "addresses", ", ".join(f"{name} {address}" for name, address in view.addresses.items()) or "-"
    yield "group, role", f"{machine.group or '-'}, {machine.intended_role or '-'}"
    yield "install disk", machine.install_disk or "-"
    yield "rack position", machine.rack_position or "-"
    yield "UUID", machine.identity_uuid or "-"
    yield "serial", machine.identity_serial or "-"
    if hardware is not None:
        yield "product", f"{hardware.vendor} {hardware.product}".strip() or "-"
        yield "firmware", f"{hardware.boot_mode}, {hardware.firmware.vendor} {hardware.firmware.version}".strip()
        cpu = hardware.cpu
        virtual = "with" if cpu.virtualization else "without"
        parts = (_count(cpu.sockets, "socket"), _count(cpu.cores, "core"), _count(cpu.threads, "thread"))
        yield "CPU", f"{cpu.model or 'unknown'}: {', '.join(parts)}, {virtual} VMX/SVM"
        slots = ", ".join(f"{one.slot} {one.mib}" for one in hardware.memory)
        yield "memory", f"{hardware.memory_mib} MiB{f' ({slots})' if slots else ''}"
        yield "GPU", ", ".join(f"{one.vendor} {one.device}".strip() for one in hardware.pci if one.gpu) or "-"
        yield "TPM", hardware.tpm or "-"
        yield "inspected", f"{when(view.inspected)} UTC"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _parts(hardware: Hardware) -> str:
    disks = [
        (disk.name, f"{disk.size / _GB:.1f} GB", disk.model or "-", disk.serial or "-", disk.smart.value)
        for disk in hardware.disks
    ]
    nics = [
        (
            nic.name,
            nic.mac,
            nic.driver or "-",
            nic.pci or "-",
            nic.speed or "-",
            "up" if nic.link else "down",
            f"{nic.neighbour.system or nic.neighbour.chassis} {nic.neighbour.port}" if nic.neighbour else "-",
        )
        for nic in hardware.nics
    ]
    return "\n\n".join(
        (
            table(("disk", "size", "model", "serial", "smart"), disks),
            table(("nic", "mac", "driver", "pci", "mbit/s", "link", "neighbour"), nics),
        )
    )


def _timeline(events: Sequence[MachineEvent]) -> str:
    first: datetime | None = events[0].at if events else None
    rows = []
    for event in events:
        after = (event.at - first).total_seconds() if first else 0
        rows.append((when(event.at), f"+{after:.1f} s", event.actor, event.kind, event.message))
    return table(("at (UTC)", "after", "who", "what", "words"), rows)


def named(context: Context, wanted: Iterable[str]) -> list[str]:
    """The machines of these names or aliases, each once. Raises InputError with all that are not known."""
    from crowbar.services.machines.control import known

    found, faults = [], []
    for name in wanted:
        try:
            found.append(known(context.store, name).name)
        except InputError:
            faults.append(Fault(f"machine {name}", "is not known"))
    if faults:
        raise InputError(
            "There are no such machines, so nothing was done.", faults=faults, hint="crowbar machines list"
        )
    return list(dict.fromkeys(found))


def names(context: Context, wanted: Iterable[str], *, every: bool = False, groups: Iterable[str] = ()) -> list[str]:
    """The machines that a command is about: named, of a group, or all. Raises InputError for what is not known."""
    chosen = named(context, wanted)
    members: dict[str, list[str]] = {group: [] for group in groups}
    for machine in context.store.machines.all():
        if every:
            chosen.append(machine.name)
        elif machine.group in members:
            members[machine.group].append(machine.name)
    if empty := [group for group, inside in members.items() if not inside and not every]:
        raise InputError(f"There is no machine in group {', '.join(map(repr, empty))}.", hint="crowbar machines list")
    chosen += [name for inside in members.values() for name in inside]
    if not chosen:
        raise InputError(
            "There is no machine yet." if every else "No machine was named.",
            hint="`crowbar machines discover` brings them in." if every else "Name machines, or use --group or --all.",
        )
    return list(dict.fromkeys(chosen))
