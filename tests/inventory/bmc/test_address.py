from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crowbar_inventory.bmc.address import AddressError, format_address, parse_address
from crowbar_inventory.bmc.model import BmcAddress


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ipmi://10.0.0.5", BmcAddress("ipmi", "10.0.0.5", 623)),
        (" IPMI://BMC-5.Example:6230 ", BmcAddress("ipmi", "bmc-5.example", 6230)),
        ("ipmi://[FD00::5]", BmcAddress("ipmi", "fd00::5", 623)),
        ("ipmi://[fd00::5]:624/", BmcAddress("ipmi", "fd00::5", 624)),
        ("redfish://bmc5", BmcAddress("redfish", "bmc5", 443)),
        (
            "redfish://10.0.0.5:8443/redfish/v1/Systems/1/",
            BmcAddress("redfish", "10.0.0.5", 8443, "/redfish/v1/Systems/1"),
        ),
        ("fake://Node_7", BmcAddress("fake", "Node_7", 0)),
    ],
)
def test_what_is_right_is_read_and_written_again(text: str, address: BmcAddress) -> None:
    assert parse_address(text) == address
    assert parse_address(format_address(address)) == address


def test_a_port_that_goes_without_saying_is_not_written() -> None:
    assert format_address(BmcAddress("ipmi", "fd00::5", 623)) == "ipmi://[fd00::5]"
    assert format_address(BmcAddress("redfish", "b", 8443, "/1")) == "redfish://b:8443/1"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("10.0.0.5", "'10.0.0.5' is no BMC's address: it must be like ipmi://HOST"),
        ("http://10.0.0.5", "ipmi://HOST[:PORT], redfish://HOST"),
        ("ipmi://fd00::5", "in brackets, as in ipmi://[fd00::5]:623"),
        ("ipmi://10.0.0.5:0", "a port is a number from 1 to 65535"),
        ("ipmi://10.0.0.5:six", "a port is a number"),
        ("ipmi://10.0.0.256", "neither an IP address nor a host's name"),
        ("ipmi://", "neither an IP address"),
        ("ipmi://10.0.0.5/1", "out of place"),
        ("redfish://b/../../etc?x", "out of place"),
        ("ipmi://" + "b" * 600, "607 characters"),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(text: str, says: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_address(text)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "text", ["ipmi://root:hunter2@10.0.0.5", "root:hunter2@10.0.0.5", "ipmi://10.0.0.5 root hunter2", "hunter2"]
)
def test_a_password_that_stands_in_an_address_is_not_repeated(text: str) -> None:
    with pytest.raises(AddressError) as caught:
        parse_address(text)
    assert "hunter2" not in str(caught.value)


@given(st.text(max_size=40) | st.from_regex(r"(ipmi|redfish|fake)://[\[\]a-z0-9.:/@-]{0,20}", fullmatch=True))
def test_any_text_is_an_address_or_an_address_error(text: str) -> None:
    try:
        address = parse_address(text)
    except AddressError:
        return
    assert parse_address(format_address(address)) == address
