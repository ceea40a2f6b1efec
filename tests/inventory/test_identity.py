"""A server is found again after its parts were swapped, and told from those that claim to be it."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crowbar_inventory.hardware import Identity
from crowbar_inventory.identity import Match, MatchKind, clean_mac, clean_uuid, match, read_identity

UUID = "4c4c4544-0044-4b10-8052-b7c04f4d4e32"
SWAPPED = "44454c4c-4400-104b-8052-b7c04f4d4e32"  # the same, as old tools write it
OTHER_UUID = "30373237-3132-4d32-3233-343930304d57"
MACS = tuple(f"24:6e:96:00:00:0{place}" for place in range(1, 7))


def _identity(uuid: str = UUID, serial: str = "7DKRMN2", macs: tuple[str, ...] = MACS[:2]) -> Identity:
    return Identity(uuid, serial, frozenset(macs))


KNOWN = {"node1": _identity()}


@pytest.mark.parametrize(
    ("found", "because"),
    [
        (_identity(), "its UUID, serial and MACs are known"),
        (_identity(uuid=SWAPPED), "its UUID, serial and MACs are known"),
        (_identity(serial="7dkrmn2"), "its UUID, serial and MACs are known"),
        (_identity(macs=MACS[1:2]), "its UUID, serial and MACs are known"),  # iPXE tells one NIC
        (_identity(macs=()), "its UUID and serial are known"),
        (_identity(serial=""), "its UUID and MACs are known"),
        (_identity(uuid=""), "its serial and MACs are known"),
        (_identity(serial="", macs=()), "its UUID is known, and nothing speaks against it"),
        (_identity(uuid="", macs=()), "its serial is known, and nothing speaks against it"),
        (_identity(uuid="", serial=""), "its MACs are known, and nothing speaks against it"),
    ],
)
def test_the_same_machine_by_what_it_tells(found: Identity, because: str) -> None:
    assert match(found, KNOWN) == Match("node1", MatchKind.SAME, because)


@pytest.mark.parametrize(
    ("found", "change"),
    [
        (_identity(macs=MACS[4:]), "MACs were 24:6e:96:00:00:01, 24:6e:96:00:00:02, are 24:6e:96:00:00:05, "),
        (_identity(uuid=OTHER_UUID), f"UUID was {UUID}, is {OTHER_UUID}"),  # another board
        (_identity(serial="B0ARD"), "serial was 7DKRMN2, is B0ARD"),
        (_identity(uuid=OTHER_UUID, serial=""), f"UUID was {UUID}, is {OTHER_UUID}"),  # made of the NICs that are on
    ],
)
def test_a_machine_with_swapped_parts_is_found_again_unless_it_is_at_work_elsewhere(
    found: Identity, change: str
) -> None:
    result = match(found, KNOWN)
    assert (result.machine, result.kind, len(result.changes)) == ("node1", MatchKind.CHANGED, 1)
    assert result.changes[0].startswith(change)
    twin = match(found, KNOWN, alive={"node1"})
    assert (twin.machine, twin.kind) == (None, MatchKind.NEW)
    assert "node1" in twin.clashes


def test_an_unchanged_machine_is_itself_also_when_it_was_just_at_work() -> None:
    assert match(_identity(), KNOWN, alive={"node1"}).machine == "node1"


@pytest.mark.parametrize(
    ("found", "clash"),
    [
        (_identity(serial="OTHER", macs=MACS[4:]), f"uuid {UUID}"),  # a copied UUID
        (_identity(serial="OTHER", macs=()), f"uuid {UUID}"),
        (_identity(serial="", macs=MACS[4:]), f"uuid {UUID}"),
        (_identity(uuid=OTHER_UUID, macs=MACS[4:]), "serial 7DKRMN2"),  # one chassis
        (_identity(uuid="", macs=MACS[4:]), "serial 7DKRMN2"),
        (_identity(uuid=OTHER_UUID, serial="OTHER", macs=MACS[1:4]), "mac 24:6e:96:00:00:02"),  # a NIC moved
        (_identity(uuid=OTHER_UUID, serial="", macs=MACS[1:4]), "mac 24:6e:96:00:00:02"),
    ],
)
def test_one_shared_mark_is_not_enough_and_is_reported(found: Identity, clash: str) -> None:
    result = match(found, KNOWN)
    assert (result.machine, result.kind, result.clashes) == (None, MatchKind.NEW, {"node1": (clash,)})
    assert result.because == f"it has node1's {clash}, but the other marks are not that machine's: they are told apart"


def test_two_machines_of_one_uuid_are_each_found_and_the_clash_is_told() -> None:
    known = KNOWN | {"node2": _identity(serial="TWIN", macs=MACS[4:])}
    for name, identity in known.items():
        (other,) = set(known) - {name}
        result = match(identity, known)
        assert (result.machine, result.kind) == (name, MatchKind.SAME)
        assert result.clashes == {other: (f"uuid {UUID}",)}


def test_two_machines_of_one_chassis_with_one_uuid_and_serial_go_by_their_macs() -> None:
    known = KNOWN | {"node2": _identity(macs=MACS[4:])}
    assert match(_identity(macs=MACS[4:5]), known).machine == "node2"
    assert match(_identity(macs=MACS[:1]), known).machine == "node1"
    neither = match(_identity(macs=MACS[2:3]), known)
    assert (neither.machine, neither.kind) == (None, MatchKind.UNCLEAR)
    assert neither.because == "it fits node1, node2 equally well"
    assert set(neither.clashes) == {"node1", "node2"}


def test_a_moved_nic_does_not_take_its_old_machine_along() -> None:
    known = KNOWN | {"node2": _identity(OTHER_UUID, "S2", MACS[4:])}
    result = match(_identity(OTHER_UUID, "S2", (*MACS[4:], MACS[0])), known)
    assert (result.machine, result.clashes) == ("node2", {"node1": (f"mac {MACS[0]}",)})


def test_more_shared_macs_decide_between_equals() -> None:
    known = {"a": Identity("", "", frozenset(MACS[:3])), "b": Identity("", "", frozenset(MACS[2:6]))}
    assert match(Identity("", "", frozenset(MACS[1:4])), known).kind is MatchKind.UNCLEAR
    assert match(Identity("", "", frozenset(MACS[1:5])), known).machine == "b"


def test_a_new_machine_and_one_that_tells_nothing() -> None:
    assert match(_identity(), {}) == Match(None, MatchKind.NEW, "no machine is known yet")
    stranger = match(_identity(OTHER_UUID, "S2", MACS[4:]), KNOWN)
    assert (stranger.kind, stranger.clashes) == (MatchKind.NEW, {})
    assert match(Identity(), {"empty": Identity()}).kind is MatchKind.UNCLEAR
    assert match(_identity(), {"empty": Identity()}).kind is MatchKind.NEW


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Not Settable",
        "Not Present",
        "00000000-0000-0000-0000-000000000000",
        "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
        "fefefefe-fefe-fefe-fefe-fefefefefefe",
        "03000200-0400-0500-0006-000700080009",
        "00020003-0004-0005-0006-000700080009",
        "4c4c4544-0044-4b10-8052-b7c04f4d4e3",
        "z" * 5000,
    ],
)
def test_uuids_that_say_nothing(text: str) -> None:
    assert clean_uuid(text) == ""


@pytest.mark.parametrize("text", [UUID.upper(), f"{{{UUID}}}", UUID.replace("-", ""), f" {UUID}\n"])
def test_uuids_in_one_spelling(text: str) -> None:
    assert clean_uuid(text) == UUID


@pytest.mark.parametrize(
    ("text", "mac"),
    [
        ("24-6E-96-00-00-01", MACS[0]),
        ("246e.9600.0001", MACS[0]),
        ("246e96000001", MACS[0]),
        ("00:00:00:00:00:00", ""),
        ("ff:ff:ff:ff:ff:ff", ""),
        ("01:00:5e:00:00:01", ""),
        ("24:6e:96:00:00", ""),
        ("80:00:02:08:fe:80:00:00:00:00:00:00", ""),
        ("x", ""),
    ],
)
def test_macs_in_one_spelling(text: str, mac: str) -> None:
    assert clean_mac(text) == mac


def test_what_an_agent_says_is_cleaned() -> None:
    found = read_identity("FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF", "Default string", ["24-6E-96-00-00-01", "junk", ""])
    assert found == Identity("", "", frozenset({MACS[0]}))


IDENTITIES = st.builds(
    Identity,
    st.sampled_from(["", UUID, SWAPPED, OTHER_UUID]),
    st.sampled_from(["", "S1", "s1", "S2"]),
    st.frozensets(st.sampled_from(MACS), max_size=3),
)


@settings(max_examples=200)
@given(IDENTITIES, IDENTITIES)
def test_it_is_the_same_machine_from_either_side(one: Identity, other: Identity) -> None:
    forth, back = match(one, {"x": other}), match(other, {"x": one})
    assert forth.machine == back.machine
    if Identity() not in (one, other):
        assert forth.kind == back.kind
        assert set(forth.clashes) == set(back.clashes)


@settings(max_examples=200)
@given(IDENTITIES, st.dictionaries(st.sampled_from("abcd"), IDENTITIES))
def test_the_order_of_the_known_does_not_matter(found: Identity, known: dict[str, Identity]) -> None:
    turned = dict(reversed(known.items()))
    assert match(found, known) == match(found, turned)


@settings(max_examples=200)
@given(IDENTITIES, st.dictionaries(st.sampled_from("abcd"), IDENTITIES))
def test_whoever_is_known_word_for_word_is_found_or_unclear_but_never_new(
    found: Identity, known: dict[str, Identity]
) -> None:
    result = match(found, known | {"me": found})
    assert result.machine == "me" or result.kind is MatchKind.UNCLEAR
    if result.machine:
        assert result.machine not in result.clashes


@given(st.text(), st.text(), st.lists(st.text(), max_size=4))
def test_no_words_of_an_agent_raise(uuid: str, serial: str, macs: list[str]) -> None:
    found = read_identity(uuid, serial, macs)
    assert read_identity(found.uuid, found.serial, found.macs) == found


def test_two_marks_or_none_against_it_hold_over_every_combination() -> None:
    same = {"uuid": UUID, "serial": "7DKRMN2", "macs": MACS[:2]}
    other = {"uuid": OTHER_UUID, "serial": "OTHER", "macs": MACS[4:]}
    silent = {"uuid": "", "serial": "", "macs": ()}
    for chosen in product((same, other, silent), repeat=3):
        found = _identity(**{mark: source[mark] for mark, source in zip(same, chosen, strict=True)})  # type: ignore[arg-type]
        agree, against = chosen.count(same), chosen.count(other)
        fits = agree > against and not (agree == 1 and against)
        all_macs = chosen[2] is same and against == 1 and agree == 1
        assert (match(found, KNOWN).machine == "node1") == (fits or all_macs), chosen
