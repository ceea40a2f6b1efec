"""A rehearsal's events, some of them of a node that lies."""

from __future__ import annotations

from typing import Any

from crowbar.apply.model import Rehearsed
from crowbar.apply.rehearse import Rehearsal


def ok(task: str, **result: Any) -> dict[str, Any]:
    return {"event": "runner_on_ok", "event_data": {"task": task, "res": result}}


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
