"""Timelines: one page of a machine's whole way, bounded, whatever is thrown at them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from crowbar.store import machine_events as module
from crowbar.store.columns import WORDS_LIMIT, now
from crowbar.store.machine_model import MachineEvent
from crowbar.store.store import Store

MAC = "52:54:00:00:00:01"
AT = now()


def offer(mac: str, seconds: int = 0, machine: str = "") -> MachineEvent:
    return MachineEvent(machine, AT + timedelta(seconds=seconds), "dhcp.offer", "dnsmasq", "offer", {"mac": mac})


def test_a_timeline_has_what_the_mac_did_before_it_was_known(store: Store) -> None:
    order = MachineEvent("m1", AT + timedelta(seconds=1), "bmc.power", "operator", "on", {"wait": 5})
    store.machine_events.append([order, offer("52:54:00:00:00:02"), offer("52:54:00:00:00:02", machine="m2")])
    store.machine_events.append([offer(MAC.upper(), 0), offer(MAC, 2)])
    store.machine_events.append([])
    found = store.machine_events.timeline("m1", [MAC.upper(), "52:54:00:00:00:03\0"])
    assert [(event.kind, event.at) for event in found] == [
        ("dhcp.offer", AT),
        ("bmc.power", AT + timedelta(seconds=1)),
        ("dhcp.offer", AT + timedelta(seconds=2)),
    ]
    assert found[1] == MachineEvent("m1", order.at, "bmc.power", "operator", "on", {"wait": 5}, found[1].id)
    assert store.machine_events.timeline("m1") == [found[1]]
    assert store.machine_events.timeline("m1", [MAC], limit=1) == [found[2]]


def test_the_newest_event(store: Store) -> None:
    store.machine_events.append([MachineEvent("m1", AT, kind, "a", kind) for kind in ("x", "y", "z")])
    newest = store.machine_events.newest("m1")
    assert newest and newest.kind == "z"
    newest = store.machine_events.newest("m1", ["x", "y"])
    assert newest and newest.kind == "y"
    assert store.machine_events.newest("m2") is None


def test_the_oldest_events_go(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT_PER_MACHINE", 5)
    monkeypatch.setattr(module, "KEPT_PER_MAC", 3)
    monkeypatch.setattr(module, "KEPT_WITHOUT_MACHINE", 6)
    for n in range(4):
        store.machine_events.append([offer(MAC, n, "m1"), offer(MAC, n, "m1"), offer(MAC, n, "m2"), offer(MAC, n)])
    assert [event.at for event in store.machine_events.timeline("m1")] == [
        AT + timedelta(seconds=n) for n in (1, 2, 2, 3, 3)
    ]
    assert len(store.machine_events.timeline("m2")) == 4
    assert len(store.machine_events.timeline("", [MAC])) == 3
    store.machine_events.append([offer(f"52:54:00:00:01:{n:02x}") for n in range(50)])  # invented ones
    assert len(store.machine_events.timeline("")) == 6
    assert len(store.machine_events.timeline("m2")) == 4


@pytest.mark.parametrize("filler", ["x", "ä", "\0", "\ud800"])
def test_what_a_machine_says_is_limited_and_clean(store: Store, filler: str) -> None:
    text = filler * (1024 * 1024)
    store.machine_events.append([MachineEvent("m1", AT, text, text, text, {"mac": text, "out": text})])
    store.machine_events.append([MachineEvent("m1", AT, "x", "a", "", {"mac": ["no", "text"], filler: filler})])
    long, short = store.machine_events.timeline("m1")
    assert (len(long.kind), len(long.actor)) == (64, 64)
    assert len(long.message.encode()) <= 4096
    assert list(long.data) == ["dropped_bytes"] and long.data["dropped_bytes"] > WORDS_LIMIT
    assert short.data["mac"] == ["no", "text"]
    for word in (long.kind, long.actor, long.message):
        assert "\0" not in word
        word.encode()
    "".join(map(str, short.data)).encode()
