from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crowbar.errors import InputError
from crowbar.provision.boot import BootRequest, parse_request
from crowbar_inventory.hardware import BootMode

UUID = "4c4c4544-0051-3810-8052-b4c04f4e3132"


def test_a_whole_request() -> None:
    query = f"mac=52:54:00:AA:00:01&uuid={UUID.upper()}&serial=CN%2F7016%20A&firmware=efi&more=1"
    assert parse_request(query) == BootRequest("52:54:00:aa:00:01", UUID, "CN/7016 A", BootMode.UEFI)


def test_firmware_that_tells_little() -> None:
    asked = parse_request("mac=52-54-00-aa-00-01&uuid=&serial=&firmware=pcbios")
    assert asked == BootRequest("52:54:00:aa:00:01", firmware=BootMode.BIOS)
    assert parse_request("mac=52:54:00:aa:00:01") == BootRequest("52:54:00:aa:00:01")


def test_an_odd_serial_number_is_cleaned() -> None:
    assert parse_request(f"mac=52:54:00:aa:00:01&serial=%00A%ff%0aB{'9' * 200}").serial == "AB" + "9" * 62


def test_of_a_word_that_comes_twice_the_first_counts() -> None:
    assert parse_request("mac=52:54:00:aa:00:01&mac=52:54:00:aa:00:02").mac == "52:54:00:aa:00:01"


@pytest.mark.parametrize("mac", ["", "52:54:00:aa:00", "00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff", "../../etc/passwd"])
def test_no_card(mac: str) -> None:
    with pytest.raises(InputError, match="no network card's address"):
        parse_request(f"mac={mac}")


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        parse_request("mac=x&uuid=y&firmware=z")
    assert [fault.place for fault in caught.value.faults] == [
        "boot request mac",
        "boot request uuid",
        "boot request firmware",
    ]


@pytest.mark.parametrize("query", ["mac=52:54:00:aa:00:01&x=" + "y" * 1024, "&".join(["a=1"] * 30)])
def test_too_much(query: str) -> None:
    with pytest.raises(InputError, match=r"too (long|many)"):
        parse_request(query)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        request = parse_request(f"mac=52:54:00:aa:00:01&serial={text}&{text}")
    except InputError:
        return
    assert request.serial.isprintable() and len(request.serial) <= 64
