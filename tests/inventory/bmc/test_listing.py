from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crowbar_inventory.bmc.address import AddressError, format_address
from crowbar_inventory.bmc.listing import ListedBmc, expand, read_list
from crowbar_inventory.bmc.model import BmcAddress, Credential


def test_a_range_is_all_its_addresses() -> None:
    assert [format_address(one) for one in expand("ipmi://10.0.0.10-12:6230")] == [
        "ipmi://10.0.0.10:6230",
        "ipmi://10.0.0.11:6230",
        "ipmi://10.0.0.12:6230",
    ]
    across = expand("redfish://10.0.0.254-10.0.1.1")
    assert [one.host for one in across] == ["10.0.0.254", "10.0.0.255", "10.0.1.0", "10.0.1.1"]
    assert expand("ipmi://bmc-5") == (BmcAddress("ipmi", "bmc-5", 623),)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ipmi://10.0.0.40-10", "from the lower address to the higher"),
        ("ipmi://10.0.0.10-256", "a range is like ipmi://10.0.0.10-40"),
        ("ipmi://10.0.0.0-10.255.0.0", "at most 10000"),
    ],
)
def test_a_wrong_range_says_what_is_right(text: str, says: str) -> None:
    with pytest.raises(AddressError, match=says):
        expand(text)


def test_a_list_is_read_with_its_credentials() -> None:
    text = '''address,user,password,name
# the first rack
ipmi://10.0.0.5, root, "a, b ""c""", node1

ipmi://10.0.0.10-11,admin,secret
fake://one
'''
    assert read_list(text) == (
        ListedBmc(BmcAddress("ipmi", "10.0.0.5", 623), Credential("root", 'a, b "c"'), "node1"),
        ListedBmc(BmcAddress("ipmi", "10.0.0.10", 623), Credential("admin", "secret")),
        ListedBmc(BmcAddress("ipmi", "10.0.0.11", 623), Credential("admin", "secret")),
        ListedBmc(BmcAddress("fake", "one", 0)),
    )


def test_all_faults_come_at_once_with_their_lines_and_without_passwords() -> None:
    text = """ipmi://10.0.0.5,root,hunter2,node1
10.0.0.6,root,hunter2
ipmi://10.0.0.7,,hunter2
ipmi://10.0.0.5,root,hunter2,node1
ipmi://10.0.0.20-21,root,hunter2,two
ipmi://10.0.0.8,root,hun,ter2,node8
ipmi://10.0.0.9,root,pass,Hunter2
ipmi://10.0.0.10 root hunter2
"""
    with pytest.raises(AddressError) as caught:
        read_list(text)
    faults = caught.value.faults
    assert [fault.partition(":")[0] for fault in faults] == [f"line {n}" for n in (2, 3, 5, 6, 7, 8, 4, 4)]
    assert "ipmi://10.0.0.5 is in line 1 already" in faults[6]
    assert "password without a user" in faults[1]
    assert "unter2" not in str(caught.value) and "hun" not in str(caught.value)


def test_a_password_is_not_in_the_repr() -> None:
    [bmc] = read_list("ipmi://10.0.0.5,root,hunter2")
    assert "hunter2" not in repr(bmc)


def test_a_broken_quote_is_a_fault_of_its_line() -> None:
    with pytest.raises(AddressError, match="line 2: this is no CSV"):
        read_list('ipmi://10.0.0.5\nipmi://10.0.0.6,root,"open\n')


@given(st.text(max_size=200))
def test_any_text_is_a_list_or_an_address_error(text: str) -> None:
    with contextlib.suppress(AddressError):
        assert isinstance(read_list(text), tuple)
