"""ansible-runner's events turned into reports on steps. Everything in an event came from a node: nothing is trusted."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from crowbar.apply.model import Outcome, Result, Sink

_ERROR_LIMIT = 6000
_PUBLISHED_LIMIT = 64
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_TEXT_KEYS = ("msg", "stderr", "stdout", "module_stderr", "module_stdout")


def text_of(value: object, limit: int = _ERROR_LIMIT) -> str:
    """Any JSON value as clean text: its end, where an error message usually is, if it is longer than ``limit``.

    It is cut between words, so that no half of a secret stays which the engine would not know for one. Characters
    that are none, or that would move a terminal's cursor, are replaced.
    """
    text = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", value if isinstance(value, str) else repr(value))
    return text if len(text) <= limit else "…" + text[-limit:].partition(" ")[2]


def mapping(value: object) -> Mapping[str, Any]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def failure(result: Mapping[str, Any]) -> str:
    """What a failed task says of itself: the message, then the outputs that add something to it."""
    seen: list[str] = []
    for key in _TEXT_KEYS:
        text = text_of(result.get(key) or "").strip()
        if text and not any(text in earlier for earlier in seen):
            seen.append(text)
    return text_of("\n".join(seen)) or "The task failed and gave no reason."


def published_facts(result: Mapping[str, Any]) -> dict[str, bytes]:
    """The facts that a `crowbar.node.publish` task hands over: texts by name, kept as they are."""
    found = list(mapping(result.get("crowbar_published")).items())[:_PUBLISHED_LIMIT]
    return {str(name): value.encode(errors="replace") for name, value in found if isinstance(value, str)}


class Translator:
    """Follows one bundle's events: which job runs, what its tasks did, and how it ended."""

    def __init__(self, keys: Sequence[str], sink: Sink) -> None:
        self._keys = frozenset(keys)
        self._sink = sink
        self._current = ""
        self._changed = 0
        self._error = ""
        self._published: dict[str, bytes] = {}
        self._done: set[str] = set()
        self._loose: list[str] = []
        self.failed = False

    @property
    def running(self) -> str:
        """The key of the job that has begun and not ended, or an empty string."""
        return self._current

    @property
    def loose_lines(self) -> str:
        """The last of what was printed while no job ran: why Ansible did not begin, for one."""
        return "\n".join(self._loose[-20:])

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Take one event of ansible-runner."""
        data = mapping(event.get("event_data"))
        match event.get("event"):
            case "playbook_on_play_start":
                self._begin(str(data.get("play", "")))
            case "playbook_on_task_start":
                self._print(f"TASK {text_of(data.get('task', ''), 200)}")
            case "runner_on_ok":
                self._task(data, "task.ok")
            case "runner_on_failed" if not data.get("ignore_errors"):
                self._task(data, "task.failed")
            case "runner_on_unreachable":
                self._error = "The node cannot run Ansible against itself: " + failure(mapping(data.get("res")))
            case "playbook_on_stats":
                self.end()
            case "error" | "warning" | "verbose":
                self._print(text_of(event.get("stdout", ""), 2000))

    def _print(self, text: str) -> None:
        if self._current:
            self._sink.line(self._current, text)
        elif text.strip():
            self._loose.append(text)

    def _begin(self, key: str) -> None:
        self.end()
        if key not in self._keys or key in self._done:
            return
        self._current, self._changed, self._error, self._published = key, 0, "", {}
        self._sink.started(key)

    def _task(self, data: Mapping[str, Any], kind: str) -> None:
        if not self._current:
            return
        result = mapping(data.get("res"))
        name = text_of(data.get("task", ""), 200)
        changed = result.get("changed") is True
        self._published.update(published_facts(result))
        seconds = data.get("duration")
        details = {
            "task": name,
            "changed": changed,
            "seconds": round(seconds, 2) if isinstance(seconds, int | float) else 0,
        }
        if kind == "task.failed":
            self._error = f"Task '{name}' failed.\n{failure(result)}"
            self._sink.event(self._current, kind, self._error, details)
            for line in self._error.splitlines():
                self._sink.line(self._current, line)
            return
        self._changed += changed
        self._sink.event(self._current, "task.changed" if changed else kind, name, details)

    def end(self, failure_reason: str = "", *, cancelled: bool = False) -> None:
        """Report the running job, if any, as ended; with a reason or by cancellation if the stream broke off."""
        key, self._current = self._current, ""
        if not key:
            return
        self._done.add(key)
        error = self._error or failure_reason
        if cancelled:
            outcome = Outcome(Result.CANCELLED, self._changed, "Cancelled.")
        elif error:
            self.failed = True
            outcome = Outcome(Result.FAILED, self._changed, error)
        else:
            outcome = Outcome(Result.SUCCEEDED, self._changed, published=self._published)
        self._sink.finished(key, outcome)
