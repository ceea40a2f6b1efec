"""Who is let fetch large things: as many as get about what one alone would."""

from __future__ import annotations

from pathlib import Path

import pytest

from crowbar.engine.lifecycle import Action, ActionKind
from crowbar.services.machines.access import admin_key
from crowbar.services.machines.acting import Actor
from crowbar.services.machines.images import DiskImages
from crowbar.services.machines.traffic import ALWAYS, Traffic
from crowbar.store.machine_model import Machine
from crowbar.store.model import Health
from crowbar.store.store import open_store

MIB = 1 << 20


class Link:
    """A way of so many MiB a second, to machines that each take no more than ``each``; the time is its own."""

    def __init__(self, capacity: float, each: float) -> None:
        self.at = 1000.0
        self.capacity, self.each = capacity, each
        self.fetching = 0
        self.traffic = Traffic(lambda: self.at)

    def begin(self) -> None:
        self.fetching += 1
        self.traffic.begin()

    def end(self) -> None:
        self.fetching -= 1
        self.traffic.end()

    def go_on(self, seconds: float) -> None:
        for _ in range(int(seconds * 10)):
            self.at += 0.1
            for _ in range(self.fetching):
                self.traffic.sent(int(min(self.each, self.capacity / self.fetching) * MIB / 10))

    def admitted(self, wanted: int) -> int:
        """How many fetch at once when so many want to and all that are admitted begin."""
        for _ in range(200):
            if self.fetching < wanted and self.traffic.admits(promise=True):
                self.begin()
            self.go_on(0.5)
        return self.fetching


def test_a_few_are_never_held_up() -> None:
    link = Link(capacity=1, each=100)
    assert [link.traffic.admits(promise=True) for _ in range(ALWAYS + 2)] == [True] * ALWAYS + [False] * 2


@pytest.mark.parametrize(
    ("capacity", "each", "wanted", "fetching"),
    [
        (1200, 100, 40, 25),  # disks of 100 MiB/s behind ten gigabits: as many as make each half as fast, and one more
        (1200, 100, 8, 8),
        (
            110,
            100,
            40,
            2 * ALWAYS + 1,
        ),  # one gigabit is full with one; that those who came at once got less is not seen
        (10000, 100, 40, 40),
    ],
)
def test_more_are_let_in_until_they_share_what_there_is(
    capacity: float, each: float, wanted: int, fetching: int
) -> None:
    assert Link(capacity, each).admitted(wanted) == fetching


def test_the_next_is_let_in_when_one_has_it() -> None:
    link = Link(capacity=110, each=100)
    link.begin()
    link.go_on(3)  # what one alone gets
    for _ in range(ALWAYS - 1):
        link.begin()
    link.go_on(3)
    assert not link.traffic.admits()
    link.end()
    assert link.traffic.admits()


def test_who_was_told_and_does_not_come_is_not_waited_for() -> None:
    link = Link(capacity=100, each=100)
    for _ in range(ALWAYS):
        assert link.traffic.admits(promise=True)
    link.go_on(9)
    assert not link.traffic.admits()
    link.go_on(2)
    assert link.traffic.admits()


def test_those_that_boot_are_not_counted_before_they_fetch() -> None:
    link = Link(capacity=100, each=100)
    assert all(link.traffic.admits() for _ in range(1000))


@pytest.mark.parametrize("kind", [ActionKind.DISCOVER, ActionKind.GIVE_INSTALL])
def test_what_the_network_cannot_take_is_left_for_a_later_round(tmp_path: Path, kind: ActionKind) -> None:
    link = Link(capacity=110, each=100)
    for _ in range(2 * ALWAYS + 1):
        link.begin()
        link.go_on(2)
    with open_store(f"sqlite:///{tmp_path}/crowbar.db", tmp_path / "secret.key") as store:
        store.machines.save(Machine("m1", approved=True))
        view = store.machines.view("m1")
        assert view is not None
        actor = Actor(store, DiskImages(tmp_path), admin_key(tmp_path / "id"), traffic=link.traffic)
        assert not actor.do(view, Action(kind, "It shall be installed."))
        assert store.orders.current("m1") is None
        after = store.machines.view("m1")
    assert after is not None
    assert after.health is Health.OK, "it is nobody's fault"
