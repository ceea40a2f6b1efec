"""After each failure a longer pause, and none for who comes by other means."""

from __future__ import annotations

from crowbar.services.machines.pauses import PauseLengths, Pauses


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def waited(pauses: Pauses, clock: Clock) -> float:
    begun = clock.now
    while not pauses.over("m1", "by"):
        clock.now += 1
    return clock.now - begun


def test_pauses_grow_to_their_limit_and_are_forgotten_after_a_success() -> None:
    clock = Clock()
    pauses = Pauses(PauseLengths(first=5, longest=30, refused=60), clock)
    assert pauses.over("m1", "by")
    lengths = []
    for _ in range(5):
        pauses.failed("m1", "by")
        lengths.append(waited(pauses, clock))
    assert lengths == [5, 10, 20, 30, 30]
    pauses.failed("m1", "by", refused=True)
    assert waited(pauses, clock) == 60
    pauses.succeeded("m1")
    pauses.failed("m1", "by")
    assert waited(pauses, clock) == 5


def test_other_machines_and_other_means_do_not_wait() -> None:
    pauses = Pauses(PauseLengths(first=5), Clock())
    pauses.failed("m1", ("ipmi://10.0.0.5", "wrong"))
    assert not pauses.over("m1", ("ipmi://10.0.0.5", "wrong"))
    assert pauses.over("m1", ("ipmi://10.0.0.5", "right"))
    assert pauses.over("m2", ("ipmi://10.0.0.5", "wrong"))


def test_a_thousand_failures_are_no_overflow() -> None:
    clock = Clock()
    pauses = Pauses(PauseLengths(first=5, longest=30), clock)
    for _ in range(2000):
        pauses.failed("m1", "by")
    assert waited(pauses, clock) == 30
