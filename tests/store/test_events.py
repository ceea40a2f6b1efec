"""Events are appended and read on; what nodes put into them is limited."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from crowbar.store.columns import WORDS_LIMIT
from crowbar.store.deployments import StepDraft
from crowbar.store.model import Event, StepKind, StepStatus
from crowbar.store.store import Store

AT = datetime(2026, 11, 21, 6, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def step(store: Store) -> tuple[int, int]:
    """The ids of a deployment and its step."""
    draft = StepDraft("a/b@c", StepKind.APPLY, "a", "b", "c", StepStatus.PENDING)
    deployment = store.deployments.create("", [draft]).id
    return deployment, store.deployments.steps(deployment)[0].id


def test_events_are_read_in_order_and_on(store: Store, step: tuple[int, int]) -> None:
    deployment, id_ = step
    store.events.append([])
    store.events.append([Event(deployment, None, AT, "deployment.started", "go")])
    store.events.append([Event(deployment, id_, AT, "task.ok", f"task {n}", {"n": n}) for n in range(5)])
    events = store.events.read(deployment)
    assert [event.message for event in events] == ["go", *(f"task {n}" for n in range(5))]
    assert events[1] == Event(deployment, id_, AT, "task.ok", "task 0", {"n": 0}, events[1].id)
    assert store.events.read(deployment, after=events[3].id) == events[4:]
    assert store.events.read(deployment, limit=2) == events[:2]
    assert store.events.read(deployment, step=id_, limit=2) == events[1:3]
    assert store.events.read(deployment + 1) == []


def test_times_are_utc_whatever_their_zone_was(store: Store, step: tuple[int, int]) -> None:
    elsewhere = AT.astimezone(timezone(timedelta(hours=5, minutes=30)))
    store.events.append([Event(step[0], None, elsewhere, "x", "")])
    [event] = store.events.read(step[0])
    assert (event.at, event.at.utcoffset()) == (AT, timedelta(0))
    with pytest.raises(Exception, match="has no time zone"):
        store.events.append([Event(step[0], None, AT.replace(tzinfo=None), "x", "")])


@pytest.mark.parametrize("filler", ["x", "ä", "\U0001f980", "\0", "\ud800"])
def test_what_a_node_says_is_limited_and_clean(store: Store, step: tuple[int, int], filler: str) -> None:
    text = filler * (1024 * 1024)
    store.events.append([Event(step[0], None, AT, "x", text, {"out": text})])
    store.events.append([Event(step[0], None, AT, "x", filler, {filler: [filler]})])
    long, short = store.events.read(step[0])
    assert len(long.message.encode()) <= WORDS_LIMIT
    assert "bytes]" in long.message
    assert list(long.data) == ["dropped_bytes"]
    assert len(short.message) == 1
    assert "\0" not in short.message
    short.message.encode()
