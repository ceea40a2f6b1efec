"""By what a server that only its BMC is known of will be known when it boots: the serial in its board's description."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from crowbar_inventory.bmc.connect import connect
from crowbar_inventory.bmc.model import BmcAddress, BmcError, Credential
from crowbar_inventory.identity import read_identity

_AT_ONCE = 16


def serials(targets: Sequence[tuple[BmcAddress, Credential]]) -> Mapping[BmcAddress, str]:
    """The serials that BMCs tell; "" of one that has none, or none that means anything.

    Such a server is told apart when it boots, by its own BMC's address, once it was approved.
    """
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="serials") as pool:
        found = pool.map(lambda target: _serial(*target), targets)
    return dict(zip((address for address, _ in targets), found, strict=True))


def _serial(address: BmcAddress, credential: Credential) -> str:
    try:
        bmc = connect(address, credential)
        try:
            told = bmc.fru()
        finally:
            bmc.close()
    except BmcError:
        return ""
    return read_identity("", told.get("serial", "") or told.get("chassis_serial", ""), ()).serial
