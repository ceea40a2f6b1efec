"""ansible-runner's events become reports; a node's nonsense becomes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from crowbar.apply.model import Outcome, Result
from crowbar.apply.translate import Translator


@dataclass
class Collected:
    started_keys: list[str] = field(default_factory=list)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    events: list[tuple[str, str]] = field(default_factory=list)

    def started(self, key: str) -> None:
        self.started_keys.append(key)

    def finished(self, key: str, outcome: Outcome) -> None:
        self.outcomes[key] = outcome

    def line(self, key: str, text: str) -> None:
        self.lines.append(text)

    def event(self, key: str, kind: str, message: str, data: Mapping[str, Any]) -> None:
        self.events.append((kind, message))


def play(key: str) -> dict[str, Any]:
    return {"event": "playbook_on_play_start", "event_data": {"play": key}}


def task(kind: str, **result: Any) -> dict[str, Any]:
    return {"event": f"runner_on_{kind}", "event_data": {"task": "T", "duration": 0.5, "res": result}}


STATS: dict[str, Any] = {"event": "playbook_on_stats", "event_data": {}}


def follow(*events: Mapping[str, Any], keys: tuple[str, ...] = ("a@n", "b@n")) -> Collected:
    collected = Collected()
    translate = Translator(keys, collected)
    for event in events:
        translate(event)
    return collected


def test_a_jobs_changes_are_counted_and_the_next_play_ends_it() -> None:
    seen = follow(play("a@n"), task("ok", changed=True), task("ok", changed=False), play("b@n"), task("ok"), STATS)
    assert seen.outcomes == {"a@n": Outcome(Result.SUCCEEDED, 1), "b@n": Outcome(Result.SUCCEEDED, 0)}


def test_a_failing_task_tells_message_and_outputs_once() -> None:
    seen = follow(play("a@n"), task("failed", msg="non-zero return code", stderr="no such file", stdout=""), STATS)
    assert seen.outcomes["a@n"] == Outcome(Result.FAILED, 0, "Task 'T' failed.\nnon-zero return code\nno such file")
    assert seen.started_keys == ["a@n"]


def test_an_ignored_failure_is_none() -> None:
    event = task("failed", msg="may fail")
    event["event_data"]["ignore_errors"] = True
    assert follow(play("a@n"), event, STATS).outcomes["a@n"].result is Result.SUCCEEDED


def test_published_facts_reach_the_outcome_and_no_event() -> None:
    seen = follow(play("a@n"), task("ok", crowbar_published={"rings": "AHJpbmc=", "worse": 3}), STATS)
    assert seen.outcomes["a@n"].published == {"rings": b"AHJpbmc="}
    assert not any("AHJpbmc=" in text for _, text in seen.events)


def test_a_play_that_nobody_asked_for_or_that_ended_is_no_step() -> None:
    seen = follow(play("z@n"), task("ok", changed=True), play("a@n"), play("b@n"), play("a@n"), STATS)
    assert seen.started_keys == ["a@n", "b@n"]


def test_a_stream_that_breaks_off_fails_the_running_job_with_the_reason() -> None:
    collected = Collected()
    translate = Translator(["a@n"], collected)
    translate(play("a@n"))
    translate.end("The connection was lost.")
    assert collected.outcomes["a@n"] == Outcome(Result.FAILED, 0, "The connection was lost.")
    assert translate.failed


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=10,
)
KINDS = st.sampled_from(
    [
        "playbook_on_play_start",
        "playbook_on_task_start",
        "runner_on_ok",
        "runner_on_failed",
        "error",
        "playbook_on_stats",
    ]
)


@given(st.lists(st.fixed_dictionaries({"event": KINDS | JSON, "event_data": JSON, "stdout": JSON}), max_size=6))
def test_whatever_a_node_sends_is_survived(events: list[dict[str, Any]]) -> None:
    follow(play("a@n"), *events)


@given(st.dictionaries(st.sampled_from(["task", "res", "duration", "play"]), JSON))
def test_whatever_a_task_result_holds_is_survived(data: dict[str, Any]) -> None:
    follow(
        play("a@n"), {"event": "runner_on_failed", "event_data": data}, {"event": "runner_on_ok", "event_data": data}
    )
