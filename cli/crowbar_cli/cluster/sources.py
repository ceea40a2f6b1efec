"""Where a file's machines come from: the virtual rack that is put up for them, and the BMCs that are logged in to."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from crowbar.errors import Fault, InputError
from crowbar_cli.options import Settings
from crowbar_cli.rack_bmcs import candidate_of

if TYPE_CHECKING:
    from crowbar.catalog.cluster import Cluster, FileMachine
    from crowbar.rack.virtual import RackRecord
    from crowbar.services.context import Context
    from crowbar.services.machines.adding import Candidate
    from crowbar_inventory.bmc.model import Credential

_PASSWORD = "CROWBAR_BMC_PASSWORD"  # noqa: S105 - the variable's name


def put_up(settings: Settings, context: Context, cluster: Cluster, say: Callable[[str], None]) -> RackRecord | None:
    """Have the virtual machines of the file in the rack, with its networks in the store; None if it has none.

    Raises InputError and EnvironmentFault.
    """
    from crowbar.rack.virtual import Firmware, Kind, Wanted, provide
    from crowbar_cli.rack_networks import networks_of

    if not cluster.virtual:
        return None
    wanted = {
        one.name: Wanted(Kind(v.kind), Firmware(v.firmware), v.cpus, v.memory_mib, v.disk_gib, v.nics)
        for one in cluster.virtual
        if (v := one.virtual) is not None
    }
    say(f"having a rack of {len(wanted)} virtual machines")
    record = provide(settings.state.rack, wanted)
    given = {network.name for network in cluster.networks}
    for network in networks_of(record):
        if network.name not in given and context.store.networks.get(network.name) != network:
            context.store.networks.save(network)
    return record


def bmcs(cluster: Cluster, context: Context, rack: RackRecord | None) -> list[Candidate]:
    """The BMCs of machines that are not known by theirs yet. Raises InputError with all passwords that are missing."""
    found: list[Candidate] = []
    faults: list[Fault] = []
    for one in cluster.machines:
        known = context.store.machines.get(one.name)
        if known is not None and known.bmc:
            continue
        if one.virtual is not None and rack is not None:
            found.append(candidate_of(rack.machine(one.name), one.rack_position))
        elif one.bmc:
            try:
                found.append(_listed(one))
            except InputError as error:
                faults.append(Fault(one.place, error.message))
    if faults:
        raise InputError(
            "BMCs cannot be logged in to.", hint=f"Set {_PASSWORD}, or bmc.password_file in the file.", faults=faults
        )
    return found


def _listed(one: FileMachine) -> Candidate:
    from crowbar.services.machines.adding import Candidate
    from crowbar_inventory.bmc.address import parse_address

    return Candidate(parse_address(one.bmc), _credential(one), one.name, one.mac, rack_position=one.rack_position)


def _credential(one: FileMachine) -> Credential:
    """Raises InputError where there is no password."""
    from crowbar_inventory.bmc.model import Credential

    if not one.login.password_file:
        if not (given := os.environ.get(_PASSWORD, "")):
            raise InputError(f"the password of {one.bmc} is not given")
        return Credential(one.login.user, given)
    path = Path(one.login.password_file)
    try:
        password = path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if not password:
        raise InputError(f"there is no password in {path}")
    return Credential(one.login.user, password)
