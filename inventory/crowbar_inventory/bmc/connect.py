"""From an address to a driver."""

from __future__ import annotations

from pathlib import Path

from crowbar_inventory.bmc.address import format_address
from crowbar_inventory.bmc.model import Bmc, BmcAddress, BmcUnsupportedError, Credential


def connect(address: BmcAddress, credential: Credential, *, limit: float = 15, trust: Path | None = None) -> Bmc:
    """Log in to the BMC; the caller closes it. No request waits for an answer longer than ``limit`` seconds.

    ``trust`` is a PEM file of certificates to trust for Redfish, instead of the system's authorities.
    Raises BmcError: BmcRefusedError at once for a wrong password, BmcUnreachableError within the limit.
    """
    match address.scheme:
        case "ipmi":
            from crowbar_inventory.bmc.ipmi import IpmiBmc

            ipmi = IpmiBmc(address, credential, limit=limit)
            ipmi.login()
            return ipmi
        case "fake":
            from crowbar_inventory.bmc.fake import FAKES

            return FAKES.login(address.host, credential, limit=limit)
        case "redfish":
            from crowbar_inventory.bmc.redfish import RedfishBmc

            redfish = RedfishBmc(address, credential, limit=limit, trust=trust)
            redfish.login()
            return redfish
        case scheme:
            raise BmcUnsupportedError(f"{format_address(address)}: there is no driver for {scheme}")
