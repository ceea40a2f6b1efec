"""QEMU's argument vector for a virtual machine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from crowbar.rack.virtual.faults import FaultKind
from crowbar.rack.virtual.record import Firmware, MachineRecord
from crowbar.rack.virtual.wiring import port

OVMF_CODE = Path("/usr/share/OVMF/OVMF_CODE_4M.fd")
OVMF_VARS = Path("/usr/share/OVMF/OVMF_VARS_4M.fd")
VENDOR, PRODUCT = "Crowbar", "Virtual Server"
CLOCK_OFF = timedelta(hours=1)
SMALL_DISK = "disk-small.raw"
_SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"


@dataclass(frozen=True)
class BootOrder:
    """Where a machine looks for a system: ``disk`` and ``network`` are places in a queue, 0 for never."""

    disk: int
    network: int
    menu: bool = False  # the firmware's own, if it has one


def boot_order(device: str) -> BootOrder:
    """The order for the boot device that a BMC was told, in the simulator's words.

    A disk arrives as "default", nothing as "none": both try the disk first, and then the network, as a server does.
    """
    if device == "pxe":
        return BootOrder(disk=0, network=1)
    return BootOrder(disk=1, network=2, menu=device == "bios")


def argv(
    machine: MachineRecord, order: BootOrder, terminal: str, *, kvm: bool, fault: FaultKind = FaultKind.NONE
) -> list[str]:
    """The command, for a process whose folder is the machine's and whose network namespace is the rack's.

    ``terminal`` is the device that its serial port is.
    """
    return [
        "qemu-system-x86_64",
        *("-name", machine.name),
        *("-machine", "q35,graphics=off"),  # the firmware speaks on the serial port
        *(("-accel", "kvm", "-cpu", "host") if kvm else ("-accel", "tcg,thread=multi", "-cpu", "qemu64")),
        *("-smp", str(machine.cpus), "-m", str(machine.memory_mib)),
        *("-nodefaults", "-display", "none", "-vga", "none", "-sandbox", _SANDBOX),
        # A reboot ends QEMU, as the boot order is read when it starts; and what ends it waits to tell us why.
        *("-no-reboot", "-no-shutdown"),
        *("-boot", f"menu={'on' if order.menu else 'off'},strict=on,reboot-timeout=3000"),
        *("-uuid", machine.uuid),
        *_identity(machine),
        *(_uefi() if machine.firmware is Firmware.UEFI else ()),
        *_clock(fault),
        *_disk(machine, order, fault),
        *_nics(machine, order),
        *("-object", "rng-random,id=rng0,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng0"),
        *("-chardev", f"socket,id=ipmi0,host=127.0.0.1,port={machine.kcs_port},reconnect=1"),
        *("-device", "ipmi-bmc-extern,id=bmc0,chardev=ipmi0", "-device", "isa-ipmi-kcs,bmc=bmc0,irq=5"),
        *("-chardev", f"serial,id=console,path={terminal}", "-serial", "chardev:console"),
        *("-qmp", "unix:qmp.sock,server=on,wait=off"),
    ]


def _identity(machine: MachineRecord) -> list[str]:
    tables = (
        f"type=1,manufacturer={VENDOR},product={PRODUCT},version=1,serial={machine.serial},family=Rack",
        f"type=2,manufacturer={VENDOR},product={PRODUCT} Board,serial={machine.serial}B",
        f"type=3,manufacturer={VENDOR},serial={machine.serial},asset={machine.position}",
    )
    return [word for table in tables for word in ("-smbios", table)]


def _uefi() -> list[str]:
    return [
        *("-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={OVMF_CODE}"),
        *("-drive", "if=pflash,format=raw,unit=1,file=efi-vars.fd"),
    ]


def _clock(fault: FaultKind) -> list[str]:
    if fault is not FaultKind.CLOCK_OFF:
        return []
    return ["-rtc", f"base={datetime.now(UTC) - CLOCK_OFF:%Y-%m-%dT%H:%M:%S}"]


def _disk(machine: MachineRecord, order: BootOrder, fault: FaultKind) -> list[str]:
    name = SMALL_DISK if fault is FaultKind.DISK_SMALL else "disk.raw"
    # Nothing that the host loses when it crashes is missed; the machine's own crash loses nothing.
    medium = f"driver=file,filename={name},node-name=medium,discard=unmap,cache.no-flush=on"
    faulty = "driver=blkdebug,image=medium,node-name=faulty,inject-error.0.event=none,inject-error.0.iotype=write"
    failing = fault is FaultKind.DISK_FAILING
    below = "faulty" if failing else "medium"
    index = f",bootindex={order.disk}" if order.disk else ""
    return [
        *("-blockdev", medium),
        *(("-blockdev", f"{faulty},inject-error.0.errno=5") if failing else ()),
        *("-blockdev", f"driver=raw,file={below},node-name=disk,discard=unmap,detect-zeroes=unmap"),
        *("-device", f"virtio-blk-pci,drive=disk,serial={machine.disk_serial},werror=report,rerror=report{index}"),
    ]


def _nics(machine: MachineRecord, order: BootOrder) -> list[str]:
    words = []
    for number, mac in enumerate(machine.macs):
        rom = ",romfile=" if machine.firmware is Firmware.UEFI or number else ""  # UEFI has a driver of its own
        index = f",bootindex={order.network}" if order.network and not number else ""
        words += ["-netdev", f"tap,id=net{number},ifname={port(machine, number)},script=no,downscript=no"]
        words += ["-device", f"virtio-net-pci,id=nic{number},netdev=net{number},mac={mac}{rom}{index}"]
    return words
