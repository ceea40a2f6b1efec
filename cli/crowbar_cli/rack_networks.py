"""A virtual rack's networks, as the store is to know them."""

from __future__ import annotations

from ipaddress import IPv4Network
from typing import TYPE_CHECKING

from crowbar.store.machine_model import Network

if TYPE_CHECKING:
    from crowbar.rack.virtual.record import RackRecord

_FIRST_HOST, _FIRST_DYNAMIC, _LAST = 20, 200, 250  # in a /24; the first addresses are for what an operator adds


def networks_of(record: RackRecord) -> tuple[Network, Network]:
    """The networks `admin` and `bmc` of a rack. Pure."""
    admin, bmc = IPv4Network(record.admin.subnet), IPv4Network(record.bmc.subnet)
    ranges = {
        "admin": (str(record.admin.address), str(record.admin.address)),
        "host": (str(admin[_FIRST_HOST]), str(admin[_FIRST_DYNAMIC - 1])),
        "dynamic": (str(admin[_FIRST_DYNAMIC]), str(admin[_LAST])),
    }
    return (
        Network("admin", str(admin), gateway=str(record.admin.address), ranges=ranges),
        Network("bmc", str(bmc)),
    )
