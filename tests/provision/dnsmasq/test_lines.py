from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crowbar.provision.dnsmasq.lines import LogReader
from crowbar.store.machine_model import MachineEvent

AT = datetime(2026, 11, 21, tzinfo=UTC)
DHCP = "dnsmasq-dhcp[7]: 1269713360 "
MAC = "52:54:00:00:00:01"


def _read(*lines: str) -> list[MachineEvent]:
    reader = LogReader()
    return [event for event in (reader.read(line, AT) for line in lines) if event is not None]


@pytest.mark.parametrize(
    ("line", "kind", "address"),
    [
        (f"DHCPDISCOVER(br0) {MAC} ", "dhcp.discover", None),
        (f"DHCPDISCOVER(br0) 10.0.0.9 {MAC} ", "dhcp.discover", "10.0.0.9"),
        (f"DHCPOFFER(br0) 10.0.0.9 {MAC} ", "dhcp.offer", "10.0.0.9"),
        (f"DHCPREQUEST(br0) 10.0.0.9 {MAC} ", "dhcp.request", "10.0.0.9"),
        (f"DHCPACK(br0) 10.0.0.9 {MAC} node1", "dhcp.ack", "10.0.0.9"),
        (f"DHCPNAK(br0) 10.0.0.9 {MAC} static lease available", "dhcp.nak", "10.0.0.9"),
        (f"DHCPDECLINE(br0) 10.0.0.9 {MAC} ", "dhcp.decline", "10.0.0.9"),
        (f"PXE(br0) {MAC} proxy", "dhcp.proxy", None),
    ],
)
def test_dhcp(line: str, kind: str, address: str | None) -> None:
    (event,) = _read(DHCP + line)
    assert (event.kind, event.machine, event.actor, event.at) == (kind, "", "dnsmasq", AT)
    assert event.data["mac"] == MAC
    assert event.data["interface"] == "br0"
    assert event.data.get("address") == address
    assert event.message.startswith(MAC)


def test_a_range_without_addresses_is_told_as_that() -> None:
    (event,) = _read(f"{DHCP}DHCPDISCOVER(br0) {MAC} no address available")
    assert event.kind == "dhcp.no-address"
    assert "none left" in event.message


def test_an_address_that_another_holds() -> None:
    why = "because it is leased to 52:54:00:00:00:02"
    (event,) = _read(f"dnsmasq-dhcp[7]: not using configured address 10.0.0.9 {why}")
    assert (event.kind, event.data["address"]) == ("dhcp.conflict", "10.0.0.9")
    assert "leased to 52:54:00:00:00:02" in event.message


def test_a_file_is_told_with_the_card_that_has_the_address() -> None:
    *_, event = _read(f"{DHCP}DHCPACK(br0) 10.0.0.9 {MAC}", "dnsmasq-tftp[7]: sent /run/x/undionly.kpxe to 10.0.0.9")
    assert (event.kind, event.data) == (
        "tftp.sent",
        {"address": "10.0.0.9", "file": "undionly.kpxe", "mac": MAC},
    )


def test_firmware_that_asks_for_the_size_first_has_not_failed() -> None:
    failed = "dnsmasq-tftp[7]: failed sending /run/x/undionly.kpxe to 10.0.0.9"
    refused = "dnsmasq-tftp[7]: error 8 User aborted the transfer received from 10.0.0.9"
    assert [event.kind for event in _read(refused, failed, failed)] == ["tftp.aborted", "tftp.failed"]


def test_a_file_that_is_not_there() -> None:
    (event,) = _read("dnsmasq-tftp[7]: file /run/x/pxelinux.0 not found for 10.0.0.9")
    assert (event.kind, event.data["file"]) == ("tftp.failed", "pxelinux.0")


@pytest.mark.parametrize(
    "line",
    [
        f"{DHCP}client provides name: DHCPACK(br0) 10.0.0.9 {MAC}",
        f"{DHCP}vendor class: x DHCPDISCOVER(br0) {MAC} no address available",
        f"{DHCP}tags: bios, br0",
        "dnsmasq[7]: started, version 2.90 DNS disabled",
        "",
    ],
)
def test_what_a_client_wrote_is_no_event(line: str) -> None:
    assert _read(line) == []


@given(st.text(max_size=300), st.sampled_from([DHCP, "dnsmasq-tftp[7]: ", f"{DHCP}DHCPACK(br0) 10.0.0.9 {MAC} "]))
def test_no_text_makes_it_fail_or_grow(text: str, start: str) -> None:
    assert all(len(event.message) < 700 for event in _read(start + text))
