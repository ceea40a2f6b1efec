"""Several sources' word on one thing, joined: the surer source first, the others fill what it left open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from crowbar_inventory.hardware import Disk, Identity, Neighbour, Nic, SmartHealth
from crowbar_inventory.identity import clean_uuid, read_identity
from crowbar_inventory.parse.disk_sources import DiskPart
from crowbar_inventory.parse.dmidecode import Dmi
from crowbar_inventory.parse.nic_sources import NicPart
from crowbar_inventory.parse.values import few
from crowbar_inventory.text import told

# A BMC's network card on the server's USB: many vendors give all of them one MAC.
_BMC_DRIVERS = {"cdc_ether", "cdc_ncm", "cdc_eem", "rndis_host"}


def join_disks(listed: Sequence[DiskPart], seen: Sequence[DiskPart], smart: Sequence[DiskPart]) -> tuple[Disk, ...]:
    """The disks of lsblk and /sys, with what SMART adds to them. Readers without a card, of size 0, are none."""
    sources = [{part.name: part for part in source} for source in (listed, seen, smart)]
    names = few(dict.fromkeys(part.name for part in (*listed, *seen)))
    return tuple(disk for name in names if (disk := _disk([source[name] for source in sources if name in source])).size)


def _disk(parts: list[DiskPart]) -> Disk:
    return Disk(
        name=parts[0].name,
        size=next((part.size for part in parts if part.size), 0),
        model=next((part.model for part in parts if part.model), ""),
        serial=next((part.serial for part in parts if part.serial), ""),
        wwn=next((part.wwn for part in parts if part.wwn), ""),
        rotational=next((part.rotational for part in parts if part.rotational is not None), False),
        removable=next((part.removable for part in parts if part.removable is not None), False),
        transport=next((part.transport for part in parts if part.transport), ""),
        smart=next((part.smart for part in parts if part.smart is not SmartHealth.UNKNOWN), SmartHealth.UNKNOWN),
    )


def join_nics(
    listed: Sequence[NicPart], seen: Sequence[NicPart] | None, neighbours: dict[str, Neighbour]
) -> tuple[Nic, ...]:
    """The interfaces of `ip` and /sys by name. Where /sys was looked at, only those that it has are hardware."""
    by_name = {part.name: part for part in listed}
    real = {part.name: part for part in seen or ()}
    names = few(dict.fromkeys(part.name for part in (*listed, *(seen or ())) if seen is None or part.name in real))
    nics = []
    for name in names:
        parts = [source[name] for source in (real, by_name) if name in source]
        mac = next((part.mac for part in parts if part.mac), "")
        if mac:
            nics.append(_nic(name, mac, parts, neighbours.get(name)))
    return tuple(nics)


def _nic(name: str, mac: str, parts: list[NicPart], neighbour: Neighbour | None) -> Nic:
    return Nic(
        name=name,
        mac=mac,
        driver=next((part.driver for part in parts if part.driver), ""),
        pci=next((part.pci for part in parts if part.pci), ""),
        speed=next((part.speed for part in parts if part.speed), 0),
        link=next((part.link for part in parts if part.link is not None), False),
        addresses=next((part.addresses for part in parts if part.addresses), ()),
        neighbour=neighbour,
    )


def join_dmi(tables: Dmi, files: Dmi) -> Dmi:
    """The tables' word, and the kernel's where that is empty or a filler."""
    chosen = {field.name: getattr(tables, field.name) or getattr(files, field.name) for field in fields(Dmi)}
    chosen["uuid"] = clean_uuid(tables.uuid) or clean_uuid(files.uuid)
    chosen["serial"] = told(tables.serial) or told(files.serial)
    chosen["firmware"] = tables.firmware if any(vars(tables.firmware).values()) else files.firmware
    return Dmi(**chosen)


def identity_of(dmi: Dmi, nics: Sequence[Nic]) -> Identity:
    """What the server is known by."""
    return read_identity(dmi.uuid, dmi.serial, (nic.mac for nic in nics if nic.driver not in _BMC_DRIVERS))
