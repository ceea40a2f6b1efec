"""Reads what a cluster file says of machines and networks; every fault at once, with its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from crowbar.catalog.cluster.form import FORMS, KEYS, ClusterForm, LoginForm, MachineForm, NetworkForm
from crowbar.catalog.cluster.model import BmcLogin, Cluster, FileMachine, FileNetwork, Matched, VirtualMachine
from crowbar.catalog.raw import raw_faults
from crowbar.catalog.source import Source, read_yaml
from crowbar.errors import Fault, InputError
from crowbar_inventory.bmc.address import AddressError, format_address
from crowbar_inventory.bmc.listing import expand


def read_cluster(path: Path) -> Cluster:
    """What the file says beside its proposals. Raises InputError with all faults and their lines."""
    return cluster_of(read_yaml(path))


def cluster_of(source: Source) -> Cluster:
    """As `read_cluster`, from a file that was read."""
    data = {key: source.data[key] for key in KEYS if key in source.data}
    try:
        form = ClusterForm.model_validate(data)
    except ValidationError as error:
        raise _refused(source, raw_faults(source, error, FORMS)) from None
    faults: list[Fault] = []
    login = form.bmc or LoginForm.model_validate({})
    machines = [
        machine for index, one in enumerate(form.machines) for machine in _machines(source, index, one, login, faults)
    ]
    faults += _twice(machines)
    if faults:
        raise _refused(source, faults)
    matched = [
        Matched(one.matched.group or "", one.matched.intended_role or "", one.count, source.place("machines", index))
        for index, one in enumerate(form.machines)
        if one.matched is not None
    ]
    return Cluster(tuple(machines), tuple(matched), tuple(_network(one) for one in form.networks))


def proposals_of(source: Source) -> Source:
    """The same file without machines and networks: what `batch` reads."""
    data = {key: value for key, value in source.data.items() if key not in KEYS}
    return Source(source.name, data, lambda: source.lines)


def _machines(
    source: Source, index: int, form: MachineForm, login: LoginForm, faults: list[Fault]
) -> Iterator[FileMachine]:
    """The machines of one entry; what is wrong with it is added to ``faults``."""
    found = [
        source.fault(message, "machines", index, *([key] if key else [])) for key, message in _contradictions(form)
    ]
    faults += found
    if found or form.matched is not None:
        return
    one = form.login or login
    common: dict[str, Any] = {
        "login": BmcLogin(one.user, one.password_file),
        "mac": form.mac,
        "virtual": None if form.virtual is None else VirtualMachine(**form.virtual.model_dump()),
        "group": form.group or "",
        "intended_role": form.intended_role or "",
        "rack_position": form.rack_position,
        "place": source.place("machines", index),
    }
    if form.bmc is None:
        yield FileMachine(form.name or "", **common)
        return
    try:
        addresses = expand(form.bmc)
    except AddressError as error:
        faults += [source.fault(text, "machines", index, "bmc") for text in error.faults]
        return
    if len(addresses) > 1 and (form.name or form.mac):
        faults.append(source.fault("a range of BMCs has neither one name nor one MAC", "machines", index, "bmc"))
        return
    for address in addresses:
        name = form.name or f"bmc-{re.sub(r'[^a-z0-9]+', '-', address.host.lower()).strip('-')}"
        yield FileMachine(name, bmc=format_address(address), **common)


def _contradictions(form: MachineForm) -> Iterator[tuple[str, str]]:
    """What does not go together: the key, and why."""
    ways = [way for way in ("bmc", "virtual", "matched") if getattr(form, way) is not None]
    if len(ways) > 1:
        yield ways[1], f"a machine is known by one of bmc, virtual and matched, not by {' and '.join(ways)}"
    if form.matched is not None:
        if form.matched.group is None and form.matched.intended_role is None:
            yield "matched", "say which: a group, an intended_role, or both"
        for key in ("name", "mac", "group", "intended_role", "login"):
            if getattr(form, key):
                yield key, f"{key} is what the matching rules say of matched machines"
    elif form.name is None and form.bmc is None:
        yield "", "name is missing"
    if form.matched is None and form.count != 1:
        yield "count", "count is for matched machines"
    if form.login is not None and form.bmc is None and form.matched is None:
        yield "login", "there is no bmc to log in to"
    if form.virtual is not None and form.mac:
        yield "mac", "a virtual machine's MAC address is chosen by its rack"


def _twice(machines: list[FileMachine]) -> Iterator[Fault]:
    for what in ("name", "bmc"):
        first: dict[str, FileMachine] = {}
        for machine in machines:
            value = getattr(machine, what)
            if value and value in first:
                yield Fault(machine.place, f"{what} {value} is given twice, also in {first[value].place}")
            first.setdefault(value, machine)


def _network(form: NetworkForm) -> FileNetwork:
    ranges = {use: (ends[0], ends[1]) for use, ends in form.ranges.items()}
    return FileNetwork(form.name, form.subnet, form.gateway, form.vlan, form.mtu, ranges, form.auto_approve)


def _refused(source: Source, faults: list[Fault]) -> InputError:
    return InputError(
        f"{source.name} cannot be deployed; nothing was changed.",
        hint="Mend the lines named above.",
        faults=faults,
    )
