"""Many BMCs at once, as an operator writes them down: a range of addresses, or a CSV file with credentials."""

from __future__ import annotations

import csv
import io
import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from crowbar_inventory.bmc.address import AddressError, format_address, parse_address, shown, split_address
from crowbar_inventory.bmc.model import BmcAddress, Credential

_MOST = 10_000  # BMCs in one list
_MOST_BYTES = 4 * 2**20
_COLUMNS = ("address", "user", "password", "name")
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_RANGE = re.compile(r"(?P<first>[0-9.]+)-(?P<last>[0-9.]+)")


@dataclass(frozen=True)
class ListedBmc:
    """One line of a list. Without a credential in it, whoever reads the list has one for all."""

    address: BmcAddress
    credential: Credential | None = None
    name: str = ""


def expand(text: str) -> tuple[BmcAddress, ...]:
    """The address, or all of a range: ``ipmi://10.0.0.10-40``, ``ipmi://10.0.0.10-10.0.1.40``. Raises AddressError."""
    scheme, host, port, path = split_address(text)
    span = _RANGE.fullmatch(host)
    if span is None or scheme == "fake":
        return (parse_address(text),)
    try:
        first = ipaddress.IPv4Address(span["first"])
        head, dot, _ = span["first"].rpartition(".")
        last = ipaddress.IPv4Address(span["last"] if "." in span["last"] else head + dot + span["last"])
    except ValueError:
        raise AddressError(
            f"{shown(text)}: a range is like ipmi://10.0.0.10-40 or ipmi://10.0.0.10-10.0.1.40"
        ) from None
    if last < first:
        raise AddressError(f"{shown(text)}: a range goes from the lower address to the higher")
    if int(last) - int(first) >= _MOST:
        raise AddressError(f"{shown(text)}: a range has at most {_MOST} addresses")
    return tuple(BmcAddress(scheme, str(first + offset), port, path) for offset in range(int(last) - int(first) + 1))


def read_list(text: str) -> tuple[ListedBmc, ...]:
    """CSV lines ``address[,user,password[,name]]``; the address may be a range, ``#`` starts a comment line.

    Raises AddressError with all faults, each with its line; no fault repeats a password.
    """
    if len(text) > _MOST_BYTES:
        raise AddressError(f"a list of BMCs has at most {_MOST_BYTES} characters")
    faults: list[str] = []
    found: list[tuple[int, ListedBmc]] = []
    for number, row in _rows(text, faults):
        try:
            found += [(number, bmc) for bmc in _read_row(row)]
        except AddressError as error:
            faults += [f"line {number}: {fault}" for fault in error.faults]
    faults += _doubled(found)
    if len(found) > _MOST:
        faults.append(f"{len(found)} BMCs: a list has at most {_MOST}")
    if faults:
        raise AddressError(*faults)
    return tuple(bmc for _, bmc in found)


def _rows(text: str, faults: list[str]) -> Iterable[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    begun = 1
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells) and not cells[0].startswith("#") and cells[0].lower() != _COLUMNS[0]:
                yield begun, cells
            begun = reader.line_num + 1
    except csv.Error as error:
        faults.append(f"line {begun}: this is no CSV: {error}")


def _read_row(row: Sequence[str]) -> list[ListedBmc]:
    faults: list[str] = []
    addresses: tuple[BmcAddress, ...] = ()
    if len(row) > len(_COLUMNS):
        # Perhaps a password with a comma in it, so nothing of the line is repeated.
        raise AddressError(f"{len(row)} columns: there are {', '.join(_COLUMNS)}. A comma within one needs quotes")
    address, user, password, name = (*row, "", "", "")[:4]
    try:
        addresses = expand(address)
    except AddressError as error:
        faults += error.faults
    if bool(user) != bool(password):
        faults.append(f"a {'user without a password' if user else 'password without a user'}: give both or none")
    if name and not _NAME.fullmatch(name):
        faults.append("its name is none: lower-case letters, digits and -, at most 63")
    if name and len(addresses) > 1:
        faults.append(f"one name for {len(addresses)} addresses")
    if faults:
        raise AddressError(*faults)
    credential = Credential(user, password) if user else None
    return [ListedBmc(one, credential, name) for one in addresses]


def _doubled(found: Sequence[tuple[int, ListedBmc]]) -> list[str]:
    first: dict[str, int] = {}
    faults = []
    for number, bmc in found:
        address = format_address(bmc.address)
        if first.setdefault(address, number) != number:
            faults.append(f"line {number}: {address} is in line {first[address]} already")
        if bmc.name and first.setdefault(bmc.name, number) != number:
            faults.append(f"line {number}: its name is in line {first[bmc.name]} already")
    return faults
