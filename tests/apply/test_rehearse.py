"""A rehearsal's events, some of them of a node that lies."""

from __future__ import annotations

from typing import Any

from crowbar.apply.model import Rehearsed
from crowbar.apply.rehearse import Rehearsal, Rehearsals


def ok(task: str, **result: Any) -> dict[str, Any]:
    return {"event": "runner_on_ok", "event_data": {"task": task, "res": result}}


def play(name: str) -> dict[str, Any]:
    return {"event": "playbook_on_play_start", "event_data": {"play": name}}


def several(*events: dict[str, Any]) -> Rehearsals:
    rehearsals = Rehearsals(["one", "two", "three"])
    for event in events:
        rehearsals(event)
    return rehearsals


def heard(*events: dict[str, Any], reason: str = "") -> Rehearsed:
    rehearsal = Rehearsal("nova/nova-api@n1")
    for event in events:
        rehearsal(event)
    return rehearsal.end(reason)


def test_what_changes_is_told_by_kind_and_what_follows_from_it() -> None:
    found = heard(
        ok("Packages", changed=True, installed=["nova-api"]),
        ok(
            "Files",
            changed=True,
            paths=["/etc/nova/nova.conf", "/etc/nova/policy.d/x"],
            diff=[{"prepared": "--- a\n+++ b\n"}],
        ),
        ok("Database", changed=False, ran=[], watched={"db": ["/etc/nova/nova.conf"], "cells": ["/etc/nova/cells"]}),
        ok(
            "Units",
            changed=True,
            actions=["start nova-conductor.service"],
            watched={"nova-api.service": ["/etc/nova/policy.d/*"], "other.service": ["/etc/other"]},
        ),
        ok("Endpoints", changed=True, changes=["endpoint nova"]),
        ok("Nothing", changed=False),
    )
    assert found == Rehearsed(
        "nova/nova-api@n1",
        paths=("/etc/nova/nova.conf", "/etc/nova/policy.d/x"),
        diffs=("--- a\n+++ b\n",),
        packages=("nova-api",),
        services=("start nova-conductor.service", "restart nova-api.service"),
        commands=("db",),
        others=("Endpoints",),
    )


def test_why_it_could_not_be_seen() -> None:
    failed = {"event": "runner_on_failed", "event_data": {"task": "Wait", "res": {"msg": "No answer."}}}
    assert heard(failed, reason="failed").error == "Task 'Wait': No answer."
    assert heard(reason="The connection was lost.").error == "The connection was lost."


def test_a_node_that_lies_gets_no_further() -> None:
    found = heard(
        {"event": "runner_on_ok", "event_data": []},
        {"event": "runner_on_ok", "event_data": {"res": "text"}},
        ok("Files", changed=True, paths="/etc", diff=[1, {"prepared": 2}, {"prepared": "\x1b[2J\n" + "x" * 10**6}]),
        ok("More", changed=True, paths=[f"/{n}" for n in range(5000)], watched=[1]),
        ok("Units", changed=False, actions={}, watched={"a": 7}),
    )
    assert len(found.paths) == 1000
    assert found.diffs == ("\N{REPLACEMENT CHARACTER}[2J",), "cut between lines, and no control characters"


def test_several_in_one_run_are_told_apart() -> None:
    found = several(play("one"), ok("Files", changed=True, paths=["/one"]), play("two"), ok("Files", changed=True))
    assert [(one.key, one.paths, one.others) for one in found.end()] == [
        ("one", ("/one",), ()),
        ("two", (), ("Files",)),
    ]
    assert not found.all_begun


def test_the_last_that_had_begun_has_the_reason_why_the_run_ended() -> None:
    failed = {"event": "runner_on_failed", "event_data": {"task": "Wait", "res": {"msg": "No answer."}}}
    assert [one.error for one in several(play("one"), play("two"), failed).end("failed")] == [
        "",
        "Task 'Wait': No answer.",
    ]
    assert [one.error for one in several(play("one"), play("two")).end("gone")] == ["", "gone"]
    assert [(one.key, one.error) for one in several().end("gone")] == [("one", "gone")]


def test_a_node_does_not_choose_what_it_speaks_of() -> None:
    found = several(play("three"), ok("Files", changed=True, paths=["/x"]), play("one"), play("one"), play("other"))
    assert [(one.key, one.paths) for one in found.end()] == [("one", ())]
