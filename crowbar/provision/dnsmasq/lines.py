"""dnsmasq's log as events of machines. What a client sent may stand in any line: only fixed places are read."""

from __future__ import annotations

import re
from collections import OrderedDict
from datetime import datetime
from typing import Any

from crowbar.store.machine_model import MachineEvent

_ADDRESS = r"\d{1,3}(?:\.\d{1,3}){3}"
_MAC = r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}"
_DHCP = re.compile(
    rf"dnsmasq-dhcp\[\d+\]: (?:\d+ )?(?P<word>DHCP[A-Z]+|PXE)\((?P<interface>[^()\s]{{1,15}})\) "
    rf"(?:(?P<address>{_ADDRESS}) )?(?P<mac>{_MAC})(?: (?P<rest>.*))?$"
)
_HELD = re.compile(
    rf"dnsmasq-dhcp\[\d+\]: (?:\d+ )?not using configured address (?P<address>{_ADDRESS}) because it (?P<why>.*)$"
)
_TFTP = (
    (re.compile(rf"dnsmasq-tftp\[\d+\]: sent (?P<file>/.*) to (?P<address>{_ADDRESS})$"), "tftp.sent"),
    (re.compile(rf"dnsmasq-tftp\[\d+\]: failed sending (?P<file>/.*) to (?P<address>{_ADDRESS})$"), "tftp.failed"),
    (re.compile(rf"dnsmasq-tftp\[\d+\]: file (?P<file>/.*) not found for (?P<address>{_ADDRESS})$"), "tftp.missing"),
    (
        re.compile(rf"dnsmasq-tftp\[\d+\]: error (?P<file>\d.*) received from (?P<address>{_ADDRESS})$"),
        "tftp.refused",
    ),
)
_KINDS = {
    "DHCPDISCOVER": ("dhcp.discover", "asks for an address"),
    "DHCPOFFER": ("dhcp.offer", "was offered"),
    "DHCPREQUEST": ("dhcp.request", "wants"),
    "DHCPACK": ("dhcp.ack", "has"),
    "DHCPNAK": ("dhcp.nak", "was refused"),
    "DHCPDECLINE": ("dhcp.decline", "found another machine at"),
    "DHCPRELEASE": ("dhcp.release", "gave back"),
    "DHCPINFORM": ("dhcp.inform", "asks for settings, with"),
    "PXE": ("dhcp.proxy", "was told where to boot, beside the address of another server"),
}
_EXHAUSTED = "no address available"
_REMEMBERED = 10_000
_LONGEST = 200


class LogReader:
    """Reads dnsmasq's log line by line; TFTP's lines have no MAC, which it remembers from the lease."""

    def __init__(self) -> None:
        self._macs: OrderedDict[str, str] = OrderedDict()
        self._refused: set[str] = set()  # clients that broke a transfer off, until dnsmasq says which

    def read(self, line: str, at: datetime) -> MachineEvent | None:
        """The event that the line tells, if it tells one; its ``machine`` is "", its MAC is in ``data``."""
        if found := _DHCP.match(line):
            return self._dhcp(found, at)
        if found := _HELD.match(line):
            why = found["why"][:_LONGEST]
            return _event(at, "dhcp.conflict", f"{found['address']} is not given: it {why}", address=found["address"])
        for pattern, kind in _TFTP:
            if found := pattern.match(line):
                return self._tftp(found, kind, at)
        return None

    def _dhcp(self, found: re.Match[str], at: datetime) -> MachineEvent | None:
        if found["word"] not in _KINDS:
            return None
        kind, says = _KINDS[found["word"]]
        address, rest = found["address"] or "", (found["rest"] or "").strip()
        if kind == "dhcp.ack":
            self._macs[address] = found["mac"]
            self._macs.move_to_end(address)
            if len(self._macs) > _REMEMBERED:
                self._macs.popitem(last=False)
        message = f"{found['mac']} {says} {address}".rstrip()
        if rest == _EXHAUSTED:
            kind, message = "dhcp.no-address", f"{found['mac']} asks for an address, and the range has none left"
        elif kind in ("dhcp.nak", "dhcp.discover", "dhcp.request") and rest:
            message = f"{message} ({rest[:_LONGEST]})"
        where = {"address": address} if address else {}
        return _event(at, kind, message, mac=found["mac"], interface=found["interface"], **where)

    def _tftp(self, found: re.Match[str], kind: str, at: datetime) -> MachineEvent | None:
        address, file = found["address"], found["file"].rpartition("/")[2][:_LONGEST]
        if kind == "tftp.refused":
            if len(self._refused) < _REMEMBERED:
                self._refused.add(address)
            return None
        who = self._macs.get(address, address)
        data = {"address": address, "file": file} | ({"mac": who} if who != address else {})
        if kind == "tftp.sent":
            return _event(at, kind, f"{who} has fetched {file}", **data)
        if kind == "tftp.missing":
            return _event(at, "tftp.failed", f"{who} asked for {file}, which is not there", **data)
        if address in self._refused:
            self._refused.discard(address)
            return _event(
                at, "tftp.aborted", f"{who} broke off {file}, as firmware does that asks for its size", **data
            )
        return _event(at, kind, f"{who} did not get {file}: it stopped answering", **data)


def _event(at: datetime, kind: str, message: str, **data: Any) -> MachineEvent:
    return MachineEvent("", at, kind, "dnsmasq", message, data)
