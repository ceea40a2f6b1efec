"""What a rule asks of a server, and why a server does not have it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from crowbar_inventory.hardware import BootMode, Disk, Hardware, Nic
from crowbar_inventory.rules.terms import Counts, Mebibytes, Patterns, Range, Sizes, Subnets, in_subnets, matches

_ONE = Range(least=1)


class Part(BaseModel):
    """A mapping of a rule: every key is known, none is read as what it is not."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Disks(Part):
    """So many disks that are all of this; at least one where no count is given."""

    count: Counts = _ONE
    size: Sizes | None = None
    rotational: bool | None = None
    model: Patterns = ()
    transport: Patterns = ()

    def has(self, disk: Disk) -> bool:
        """Whether the disk counts."""
        return (
            (self.size is None or disk.size in self.size)
            and self.rotational in (None, disk.rotational)
            and (not self.model or matches(disk.model, self.model))
            and (not self.transport or matches(disk.transport, self.transport))
            and not disk.removable
        )


class Nics(Part):
    """So many network interfaces that are all of this; at least one where no count is given."""

    count: Counts = _ONE
    speed: Counts | None = None  # Mbit/s
    link: bool | None = None
    driver: Patterns = ()

    def has(self, nic: Nic) -> bool:
        """Whether the interface counts."""
        return (
            (self.speed is None or nic.speed in self.speed)
            and self.link in (None, nic.link)
            and (not self.driver or matches(nic.driver, self.driver))
        )


class Lldp(Part):
    """One cable that ends at such a switch, and at such a port of it."""

    system: Patterns = ()
    chassis: Patterns = ()
    port: Patterns = ()

    def has(self, nic: Nic) -> bool:
        """Whether the interface is wired so."""
        end = nic.neighbour
        return end is not None and all(
            not patterns or matches(text, patterns)
            for text, patterns in ((end.system, self.system), (end.chassis, self.chassis), (end.port, self.port))
        )


def _gpus(value: object) -> object:
    """True means at least one; false means none."""
    if isinstance(value, bool):
        return ">= 1" if value else 0
    return value


class Conditions(Part):
    """All that are given must hold; a rule without any fits every server."""

    vendor: Patterns = ()
    product: Patterns = ()
    serial: Patterns = ()
    asset_tag: Patterns = ()
    uuid: Patterns = ()
    mac: Patterns = ()
    firmware: Patterns = ()
    cpu: Patterns = ()
    architecture: Patterns = ()
    tpm: Patterns = ()
    memory_mib: Mebibytes | None = None
    cpu_threads: Counts | None = None
    cpu_sockets: Counts | None = None
    virtualization: bool | None = None
    boot_mode: Annotated[BootMode | None, Field(strict=False)] = None
    gpu: Annotated[Counts | None, BeforeValidator(_gpus)] = None
    bmc: Subnets = ()
    disks: Disks | None = None
    nics: Nics | None = None
    lldp: Lldp | None = None


def unmet(wanted: Conditions, hardware: Hardware) -> str:
    """Why the server does not fit, by the first condition that it does not meet; "" if it fits."""
    return next(_unmet(wanted, hardware), "")


def _unmet(wanted: Conditions, hardware: Hardware) -> Iterator[str]:
    yield from _unmet_texts(wanted, hardware)
    yield from _unmet_numbers(wanted, hardware)
    yield from _unmet_parts(wanted, hardware)


def _unmet_texts(wanted: Conditions, hardware: Hardware) -> Iterator[str]:
    told = {
        "vendor": (hardware.vendor,),
        "product": (hardware.product,),
        "serial": (hardware.identity.serial,),
        "asset_tag": (hardware.asset_tag,),
        "uuid": (hardware.identity.uuid,),
        "mac": sorted(hardware.identity.macs),
        "firmware": (hardware.firmware.version,),
        "cpu": (hardware.cpu.model,),
        "architecture": (hardware.cpu.architecture,),
        "tpm": (hardware.tpm,),
    }
    for name, texts in told.items():
        patterns = getattr(wanted, name)
        if patterns and not any(matches(text, patterns) for text in texts):
            yield f"{name} is {', '.join(texts) or 'not told'}, wanted {' or '.join(patterns)}"
    if wanted.bmc and not in_subnets(hardware.bmc.address if hardware.bmc else "", wanted.bmc):
        address = hardware.bmc.address if hardware.bmc else ""
        yield f"bmc is {address or 'not told'}, wanted in {' or '.join(wanted.bmc)}"


def _unmet_numbers(wanted: Conditions, hardware: Hardware) -> Iterator[str]:
    told = {
        "memory_mib": hardware.memory_mib,
        "cpu_threads": hardware.cpu.threads,
        "cpu_sockets": hardware.cpu.sockets,
        "gpu": sum(device.gpu for device in hardware.pci),
    }
    for name, number in told.items():
        bounds = getattr(wanted, name)
        if bounds is not None and number not in bounds:
            yield f"{name} is {number}, wanted {bounds}"
    if wanted.virtualization not in (None, hardware.cpu.virtualization):
        yield f"virtualization is {str(hardware.cpu.virtualization).lower()}"
    if wanted.boot_mode not in (None, hardware.boot_mode):
        yield f"boot_mode is {hardware.boot_mode}, wanted {wanted.boot_mode}"


def _unmet_parts(wanted: Conditions, hardware: Hardware) -> Iterator[str]:
    if wanted.disks and (count := sum(map(wanted.disks.has, hardware.disks))) not in wanted.disks.count:
        yield f"{count} of its {len(hardware.disks)} disks are such, wanted {wanted.disks.count}"
    if wanted.nics and (count := sum(map(wanted.nics.has, hardware.nics))) not in wanted.nics.count:
        yield f"{count} of its {len(hardware.nics)} nics are such, wanted {wanted.nics.count}"
    if wanted.lldp and not any(map(wanted.lldp.has, hardware.nics)):
        ends = sorted({end.system or end.chassis for nic in hardware.nics if (end := nic.neighbour)})
        yield f"lldp neighbours are {', '.join(ends[:4]) or 'not told'}, none is as wanted"
