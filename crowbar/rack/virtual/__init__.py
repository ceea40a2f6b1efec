"""A rack of virtual machines: each with a BMC that speaks IPMI, all behind one cable to the admin host."""

from crowbar.rack.virtual.choose import Wanted
from crowbar.rack.virtual.faults import Fault, FaultKind
from crowbar.rack.virtual.rack import MachineStatus, RackStatus, down, provide, set_fault, status, up
from crowbar.rack.virtual.record import Firmware, Kind, MachineRecord, RackRecord, load

__all__ = [
    "Fault",
    "FaultKind",
    "Firmware",
    "Kind",
    "MachineRecord",
    "MachineStatus",
    "RackRecord",
    "RackStatus",
    "Wanted",
    "down",
    "load",
    "provide",
    "set_fault",
    "status",
    "up",
]
