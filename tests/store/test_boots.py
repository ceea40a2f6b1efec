"""A token lets one boot of one machine in, once; only its newest session counts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from crowbar.store.boots import KEPT
from crowbar.store.machine_model import Machine, Redeemed, TokenFault
from crowbar.store.machine_tables import boots
from crowbar.store.store import Store


@pytest.fixture(autouse=True)
def _machines(store: Store) -> None:
    for name in ("m1", "m2"):
        store.machines.save(Machine(name))


def session_of(redeemed: Redeemed) -> str:
    assert redeemed.session and redeemed.fault is None
    return redeemed.session


def test_a_token_is_exchanged_for_a_session_once(store: Store) -> None:
    token, other = store.boots.issue("m1"), store.boots.issue("m2")
    assert len({token, other}) == 2 and not store.boots.ever("m1")
    redeemed = store.boots.redeem(token)
    assert redeemed.machine == "m1" and store.boots.ever("m1")
    assert store.boots.by_session(session_of(redeemed)) == "m1"
    assert store.boots.redeem(token) == Redeemed("m1", fault=TokenFault.REPLAYED)
    assert store.boots.redeem(other).machine == "m2"
    assert store.boots.by_session(session_of(redeemed)) == "m1"


@pytest.mark.parametrize("token", ["", "guess", "\0", "\ud800" * 100_000])
def test_what_was_never_issued(store: Store, token: str) -> None:
    store.boots.admit("m1")
    assert store.boots.redeem(token, "boot") == Redeemed(None, fault=TokenFault.UNKNOWN)
    assert store.boots.by_session(token) is None


def test_an_agent_that_never_got_the_answer_asks_again(store: Store) -> None:
    token = store.boots.issue("m1")
    first = session_of(store.boots.redeem(token, "boot 1"))
    again = session_of(store.boots.redeem(token, "boot 1"))
    assert (store.boots.by_session(first), store.boots.by_session(again)) == (None, "m1")
    for boot in ("boot 2", ""):
        assert store.boots.redeem(token, boot).fault is TokenFault.REPLAYED
    newer = store.boots.redeem(store.boots.issue("m1"), "boot 2")
    assert store.boots.redeem(token, "boot 1").fault is TokenFault.REPLAYED  # that boot is over
    assert store.boots.by_session(session_of(newer)) == "m1"


def test_a_newer_token_voids_an_older_one_and_its_use_ends_the_session(store: Store) -> None:
    outdated, token = store.boots.issue("m1"), store.boots.issue("m1")
    assert store.boots.redeem(outdated) == Redeemed("m1", fault=TokenFault.OUTDATED)
    session = session_of(store.boots.redeem(token))
    waiting = store.boots.issue("m1")
    assert store.boots.by_session(session) == "m1"  # who only fetches a boot script ends nobody's session
    newer = session_of(store.boots.redeem(waiting))
    assert (store.boots.by_session(session), store.boots.by_session(newer)) == (None, "m1")


def test_admission_and_revocation(store: Store) -> None:
    token = store.boots.issue("m1")
    session = store.boots.admit("m1")
    assert store.boots.by_session(session) == "m1"
    assert store.boots.redeem(token).fault is TokenFault.OUTDATED
    token = store.boots.issue("m1")
    store.boots.revoke("m1")
    assert store.boots.by_session(session) is None
    assert store.boots.redeem(token).fault is TokenFault.OUTDATED
    assert store.boots.ever("m1")


def test_of_many_who_come_with_a_token_one_is_let_in(store: Store) -> None:
    token = store.boots.issue("m1")
    with ThreadPoolExecutor(8) as pool:
        redeemed = list(pool.map(lambda n: store.boots.redeem(token, f"boot {n}"), range(16)))
    assert [one.machine for one in redeemed] == ["m1"] * 16
    [session] = [one.session for one in redeemed if one.session]
    assert store.boots.by_session(session) == "m1"
    with ThreadPoolExecutor(8) as pool:
        tokens = list(pool.map(lambda _: store.boots.issue("m1"), range(16)))
    assert sum(store.boots.redeem(one).session is not None for one in tokens) == 1


def test_few_boots_are_kept_and_no_token_in_plain(store: Store) -> None:
    token = store.boots.issue("m1")
    session = session_of(store.boots.redeem(token, "boot"))
    assert token not in repr(store.boots.redeem(token)) and session not in repr(Redeemed("m1", session))
    with store._database.read() as connection:
        kept = repr(connection.execute(select(boots)).all())
    assert not [word for word in (token, session, "'boot'") if word in kept]
    for _ in range(KEPT):
        store.boots.issue("m1")
    assert store.boots.redeem(token, "boot").session is not None  # the one that holds is kept, however old
    store.boots.admit("m1")
    for _ in range(KEPT):
        store.boots.issue("m1")
    assert store.boots.redeem(token, "boot").fault is TokenFault.UNKNOWN
    with store._database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(boots)) == KEPT + 1  # and the one that holds
