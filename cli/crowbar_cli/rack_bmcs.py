"""The virtual rack's machines, as they are brought in by their BMCs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from crowbar.rack.virtual import MachineRecord
    from crowbar.services.machines.adding import Candidate


def candidate_of(machine: MachineRecord, rack_position: str = "") -> Candidate:
    """What is known of the machine beforehand; ``rack_position`` instead of the rack's own, if it is given."""
    from crowbar.services.machines.adding import Candidate
    from crowbar_inventory.bmc.address import parse_address
    from crowbar_inventory.bmc.model import Credential

    return Candidate(
        parse_address(machine.bmc.url),
        Credential(machine.bmc.username, machine.bmc.password),
        machine.name,
        machine.macs[0],
        machine.uuid,
        machine.serial,
        rack_position or machine.position,
    )
