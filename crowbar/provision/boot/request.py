"""What a machine says of itself when it asks what to boot. It comes from the network: nothing of it is believed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl

from crowbar.errors import Fault, InputError
from crowbar_inventory.hardware import BootMode

_LONGEST = 1024
_MAC = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_LONGEST_SERIAL = 64
_FIRMWARE = {"pcbios": BootMode.BIOS, "efi": BootMode.UEFI, "": BootMode.UNKNOWN}
_PLACE = "boot request"


@dataclass(frozen=True)
class BootRequest:
    """Who asks: lower case, colons; "" for what the firmware does not tell."""

    mac: str
    uuid: str = ""
    serial: str = ""
    firmware: BootMode = BootMode.UNKNOWN


def parse_request(query: str) -> BootRequest:
    """The request in a URL's query. Raises InputError with all that is wrong with it; words it knows not are let be."""
    if len(query) > _LONGEST:
        raise InputError("A boot request is too long.", faults=[Fault(_PLACE, f"more than {_LONGEST} characters")])
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=20, errors="replace")
    except ValueError as error:
        raise InputError("A boot request has too many fields.", faults=[Fault(_PLACE, str(error))]) from error
    fields = {name: value.strip() for name, value in reversed(pairs)}
    mac, uuid = fields.get("mac", "").lower().replace("-", ":"), fields.get("uuid", "").lower()
    # Vendors put anything there, and a machine with an odd one shall boot, too.
    serial = "".join(sign for sign in fields.get("serial", "") if sign.isascii() and sign.isprintable())
    firmware = fields.get("firmware", "")
    faults = []
    if not _MAC.fullmatch(mac) or mac == "00:00:00:00:00:00" or int(mac[:2], 16) & 1:
        faults.append(Fault(f"{_PLACE} mac", f"{mac[:40]!r} is no network card's address."))
    if uuid and not _UUID.fullmatch(uuid):
        faults.append(Fault(f"{_PLACE} uuid", f"{uuid[:40]!r} is no UUID."))
    if firmware not in _FIRMWARE:
        faults.append(Fault(f"{_PLACE} firmware", f"{firmware[:20]!r} is neither pcbios nor efi."))
    if faults:
        raise InputError("A machine asked for its boot script in a way that cannot be answered.", faults=faults)
    return BootRequest(mac, uuid, serial[:_LONGEST_SERIAL], _FIRMWARE[firmware])
