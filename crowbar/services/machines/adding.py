"""Bringing machines in by their BMCs: each is asked whether it lets us in, remembered, and sent to discovery."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from crowbar.errors import CrowbarError, Fault, InputError
from crowbar.services.machines.control import OPERATOR
from crowbar.services.machines.serials import serials
from crowbar.store.columns import now
from crowbar.store.machine_model import Machine, MachineEvent
from crowbar.store.store import Store
from crowbar_inventory.bmc.address import format_address
from crowbar_inventory.bmc.model import BmcAddress, Credential, Power
from crowbar_inventory.bmc.survey import Reading, survey
from crowbar_inventory.identity import clean_mac, clean_uuid

ADMIN = "admin"
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Candidate:
    """A BMC and how to log in; what is known of its server beforehand may be empty."""

    address: BmcAddress
    credential: Credential
    name: str = ""
    mac: str = ""
    uuid: str = ""
    serial: str = ""
    rack_position: str = ""

    @property
    def url(self) -> str:
        """The address as text."""
        return format_address(self.address)

    @property
    def node(self) -> str:
        """The name that the machine gets."""
        return self.name or f"bmc-{re.sub(r'[^a-z0-9]+', '-', self.address.host.lower()).strip('-')}"


@dataclass(frozen=True)
class Added:
    """What became of one: ``problem`` is "" for a machine that is now known."""

    name: str
    address: str
    power: Power
    problem: str = ""


def add(
    store: Store,
    candidates: Sequence[Candidate],
    heard: Callable[[Added], None],
    agree: Callable[[Sequence[str]], None],
) -> list[Added]:
    """Log in to all BMCs at once and remember those that let us in; ``heard`` is told of each as it answers.

    A BMC that a machine has already is that machine's, if no other name is given. ``agree`` is given the new machines
    that are on, as they will be restarted; if it raises, nothing is remembered.
    Raises InputError, before any is asked, for names that are none, and for names or addresses that come twice.
    """
    owners = _owners(store)
    candidates = [replace(one, name=one.name or owners.get(one.url, "")) for one in candidates]
    _check(candidates, owners)
    by_address = {one.address: one for one in candidates}
    readings, results = [], []
    for reading in survey([(one.address, one.credential) for one in candidates]):
        candidate = by_address[reading.address]
        result = Added(candidate.node, candidate.url, reading.power, str(reading.error or ""))
        heard(result)
        readings.append(reading)
        results.append(result)
    if working := [r.name for r in results if r.power is Power.ON and store.machines.get(r.name) is None]:
        agree(working)
    let_in = [by_address[reading.address] for reading in readings if reading.error is None]
    told = serials([(one.address, one.credential) for one in let_in if not (one.mac or one.uuid or one.serial)])
    for reading in readings:
        if reading.error is None:
            candidate = by_address[reading.address]
            _remember(store, replace(candidate, serial=candidate.serial or told.get(reading.address, "")), reading)
    return results


def _owners(store: Store) -> Mapping[str, str]:
    """Whose BMC an address is: as it was added, or as the machine itself found it from inside."""
    owners = {}
    for view in store.machines.list():
        if view.machine.bmc:
            owners[view.machine.bmc] = view.machine.name
        elif view.hardware is not None and view.hardware.bmc is not None and view.hardware.bmc.address:
            owners |= {f"{scheme}://{view.hardware.bmc.address}": view.machine.name for scheme in ("ipmi", "redfish")}
    return owners


def _remember(store: Store, candidate: Candidate, answer: Reading) -> None:
    name = candidate.node
    before = store.machines.get(name)
    if before is None:
        machine = Machine(
            name,
            bmc=candidate.url,
            identity_uuid=clean_uuid(candidate.uuid),
            identity_serial=candidate.serial,
            macs=tuple(mac for mac in (clean_mac(candidate.mac),) if mac),
            approved=True,  # whoever has its BMC's password speaks for it
            rack_position=candidate.rack_position,
        )
        store.machines.save(machine)
    else:
        serial = before.identity_serial or candidate.serial
        store.machines.update(name, bmc=candidate.url, approved=True, identity_serial=serial)
    store.bmc_credentials.put(name, candidate.credential)
    store.machines.set_power(name, answer.power)
    words = f"BMC {candidate.url} lets {candidate.credential.username} in; power {answer.power}"
    store.machine_events.append([MachineEvent(name, now(), "bmc.added", OPERATOR, words)])
    if candidate.mac and store.networks.get(ADMIN) is not None:
        _reserve(store, name, clean_mac(candidate.mac))


def _reserve(store: Store, name: str, mac: str) -> None:
    """Its address, beforehand. Where none is left it is a machine all the same: it needs one to be installed."""
    try:
        store.networks.allocate(ADMIN, name, mac)
    except CrowbarError as error:
        store.machine_events.append([MachineEvent(name, now(), "network.exhausted", "crowbar", str(error))])


def _check(candidates: Iterable[Candidate], owners: Mapping[str, str]) -> None:
    faults, seen = [], set[str]()
    for one in candidates:
        place = one.url
        if not _NAME.fullmatch(one.node):
            faults.append(Fault(place, f"{one.node!r} is no host name: lower case letters, digits and dashes"))
        if place in seen:
            faults.append(Fault(place, "is given twice"))
        elif one.node in seen:
            faults.append(Fault(place, f"the name {one.node!r} is given twice"))
        if one.mac and not clean_mac(one.mac):
            faults.append(Fault(place, f"{one.mac!r} is no MAC address"))
        if owners.get(place, one.node) != one.node:
            faults.append(Fault(place, f"is already the BMC of {owners[place]}"))
        seen |= {one.node, place}
    if faults:
        raise InputError("These BMCs cannot be added.", faults=faults, hint="Nothing was changed.")
