"""`crowbar rack`: virtual servers with BMCs, to try everything on without hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from crowbar_cli.asking import agree
from crowbar_cli.options import Settings, common
from crowbar_cli.output import note, show, show_json
from crowbar_cli.rack_networks import networks_of
from crowbar_cli.session import opened

if TYPE_CHECKING:
    from crowbar.rack.virtual import MachineStatus

# The words of crowbar.rack.virtual's enumerations, which `crowbar --help` does not import; a test holds them together.
KINDS = ("vm", "container")
FIRMWARE = ("bios", "uefi")
FAULTS = (
    "none",
    "bmc-hang",
    "bmc-lies",
    "bmc-refuses",
    "power-ignored",
    "nic-down",
    "disk-failing",
    "disk-small",
    "clock-off",
    "node-hang",
    "power-cut",
)
_HEADERS = ("machine", "kind", "firmware", "power", "next boot", "bmc", "mac", "position", "pid", "fault", "console")


@click.group(short_help="Virtual servers with BMCs.")
@common
def rack() -> None:
    """Virtual servers, each with firmware, disk, network interfaces and an IPMI BMC on an address of its own.

    Everything past the firmware is as with hardware: they are powered on over IPMI, boot by DHCP and TFTP, are
    discovered and installed. The rack has a network namespace of its own; this host has the admin network's first
    address, so that `crowbar serve` can run here.
    """


@rack.command(short_help="Make a rack, or add machines to it.")
@click.option("--machines", "count", type=click.IntRange(1, 200), required=True, help="How many there shall be.")
@click.option("--kind", type=click.Choice(KINDS), default="vm", show_default=True, help="What new machines are.")
@click.option("--firmware", type=click.Choice(FIRMWARE), default="bios", show_default=True, help="What starts them.")
@click.option("--memory", type=click.IntRange(256, 1 << 20), default=1024, show_default=True, help="Memory, in MiB.")
@click.option("--disk", type=click.IntRange(1, 4096), default=8, show_default=True, help="Disk, in GiB.")
@click.option("--cpus", type=click.IntRange(1, 64), default=1, show_default=True, help="Processors.")
@click.option("--nics", type=click.IntRange(1, 2), default=1, show_default=True, help="Network interfaces.")
@common
@click.pass_obj
def up(settings: Settings, count: int, kind: str, firmware: str, memory: int, disk: int, cpus: int, nics: int) -> None:
    """Have a rack of so many machines, all off, with BMCs that answer. Needs root.

    Machines that are there stay as they are: with a larger number, more are added, which may be of another kind. A
    rack that lost its power (this host was restarted) gets it back.

    \b
    Example:  crowbar rack up --machines 3
    Next:     crowbar rack status
    """
    from crowbar.rack.virtual import Firmware, Kind, Wanted
    from crowbar.rack.virtual import up as put_up

    wanted = Wanted(Kind(kind), Firmware(firmware), cpus, memory, disk, nics)
    record = put_up(settings.state.rack, count, wanted)
    with opened(settings) as context:
        for network in networks_of(record):
            context.store.networks.save(network)
    if settings.json:
        _show_status(settings)
        return
    click.echo(
        f"A rack of {len(record.machines)} machines, off. Admin network {record.admin.subnet} on"
        f" {record.admin.interface}; BMCs in {record.bmc.subnet}, from {record.machines[0].bmc.url} on."
    )


@rack.command(short_help="How the machines are.")
@common
@click.pass_obj
def status(settings: Settings) -> None:
    """Show each machine: power, boot device of the next start, BMC, rack position, process, fault, console's file.

    The BMCs' passwords are in rack.json in the rack's folder, which root alone can read.

    \b
    Example:  crowbar rack status
    Next:     ipmitool -I lanplus -C3 -H BMC -U admin power on
    """
    _show_status(settings)


def _show_status(settings: Settings) -> None:
    from crowbar.rack.virtual import status as read

    found = read(settings.state.rack)
    machines = [_document(machine) for machine in found.machines]
    document = {
        "supervisor_pid": found.supervisor_pid,
        "admin": found.record.admin,
        "bmc": found.record.bmc,
        "namespace": found.record.namespace,
        "machines": machines,
    }
    rows = [
        (
            *(row["name"], row["kind"], row["firmware"], row["power"], row["next_boot"], row["bmc"]),
            *(row["macs"][0], row["position"], row["pid"] or "-", row["fault"], row["console"]),
        )
        for row in machines
    ]
    show(settings, document, _HEADERS, rows)
    if not found.supervisor_pid:
        note("The rack has no power: its supervisor does not run. `crowbar rack up` starts it.")


def _document(found: MachineStatus) -> dict[str, Any]:
    machine = found.machine
    return {
        "name": machine.name,
        "kind": machine.kind,
        "firmware": machine.firmware,
        "power": found.power,
        "next_boot": found.boot_device,
        "bmc": machine.bmc.url,
        "macs": machine.macs,
        "uuid": machine.uuid,
        "serial": machine.serial,
        "disk_serial": machine.disk_serial,
        "cpus": machine.cpus,
        "memory_mib": machine.memory_mib,
        "disk_gib": machine.disk_gib,
        "position": machine.position,
        "pid": found.pid,
        "bmc_pid": found.bmc_pid,
        "bmc_starts": found.bmc_starts,
        "fault": found.fault,
        "identify": found.identify,
        "console": found.console,
    }


@rack.command(short_help="Make something go wrong with a machine.")
@click.argument("machine")
@click.argument("kind", type=click.Choice(FAULTS))
@click.option("--for", "seconds", type=click.FloatRange(0.1), help="Lift it by itself after so many seconds.")
@common
@click.pass_obj
def fault(settings: Settings, machine: str, kind: str, seconds: float | None) -> None:
    """Have a machine with one fault, in place of the one that it had; `none` lifts it.

    \b
    bmc-hang       the BMC answers nothing
    bmc-lies       it acknowledges power orders, says that they are done, and does nothing
    bmc-refuses    it has another password
    power-ignored  it acknowledges power orders, and goes on saying what is so
    nic-down       the first network interface has no link
    disk-failing   writes to the disk fail, from the machine's next start on
    disk-small     the disk has 64 MiB, from the machine's next start on
    clock-off      its clock is an hour behind, from the machine's next start on (not a container's)
    node-hang      the machine stands still, its power on
    power-cut      neither machine nor BMC has power

    \b
    Example:  crowbar rack fault server1 bmc-hang --for 30
    Next:     crowbar rack fault server1 none
    """
    from crowbar.rack.virtual import Fault, FaultKind, set_fault

    set_fault(settings.state.rack, machine, Fault.for_seconds(FaultKind(kind), seconds or 0))
    if settings.json:
        show_json({"machine": machine, "fault": kind, "seconds": seconds})
    else:
        click.echo(f"{machine}: {kind}.")


@rack.command(short_help="Take the rack away.")
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@common
@click.pass_obj
def down(settings: Settings, yes: bool) -> None:
    """Take the rack away without a trace: machines, disks, BMCs and networks, whatever there is of them.

    What Crowbar remembers of its machines is forgotten, too, with the proposals that were for them alone: the next
    rack's machines have the same names.

    \b
    Example:  crowbar rack down --yes
    Next:     crowbar rack up --machines 3
    """
    from crowbar.rack.virtual import down as take_down

    if not yes:
        agree("Remove the rack and all that is on its machines' disks?")
    forgotten = _forget(settings)
    removed = take_down(settings.state.rack)
    if settings.json:
        show_json({"removed": removed, "forgotten": forgotten})
    else:
        note("The rack is gone." if removed else "There was no rack.")


def _forget(settings: Settings) -> list[str]:
    """Forget the rack's machines, known by their BMCs; which those were."""
    from crowbar.errors import EnvironmentFault
    from crowbar.rack.virtual.record import load
    from crowbar.services.proposals import forget_orphans

    try:
        bmcs = {machine.bmc.url for machine in load(settings.state.rack).machines}
    except EnvironmentFault:  # there is none, or nobody can read what it was
        return []
    with opened(settings) as context:
        names = [machine.name for machine in context.store.machines.all() if machine.bmc in bmcs]
        for name in names:
            context.store.machines.delete(name)
            context.store.applied.forget_node(name)
        forget_orphans(context)
    return names
