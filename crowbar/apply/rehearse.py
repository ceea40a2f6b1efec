"""What jobs would change, from the events of a run in Ansible's check mode. All in them came from a node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatch
from typing import Any

from crowbar.apply.model import Rehearsed
from crowbar.apply.translate import failure, mapping, text_of

OPTIONS = "--check --diff"  # of ansible-playbook
_MOST = 1000  # entries of a list
_LONGEST = 64 << 10  # characters of a diff
_NAME = 300  # of anything that has a name
_KNOWN = ("paths", "installed", "actions", "ran")  # what our modules say that they changed


class Rehearsal:
    """Follows the events of one job's rehearsal."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._paths: list[str] = []
        self._diffs: list[str] = []
        self._packages: list[str] = []
        self._services: list[str] = []
        self._commands: list[str] = []
        self._others: list[str] = []
        self._watched: list[tuple[list[str], str, Sequence[str]]] = []
        self._error = ""

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Take one event of ansible-runner."""
        data = mapping(event.get("event_data"))
        result = mapping(data.get("res"))
        match event.get("event"):
            case "runner_on_ok":
                self._ok(text_of(data.get("task", ""), _NAME), result)
            case "runner_on_failed" if not data.get("ignore_errors"):
                self._error = f"Task '{text_of(data.get('task', ''), _NAME)}': {failure(result)}"
            case "runner_on_unreachable":
                self._error = failure(result)

    def _ok(self, task: str, result: Mapping[str, Any]) -> None:
        if result.get("changed") is True:
            self._paths += _texts(result.get("paths"))
            self._packages += _texts(result.get("installed"))
            self._services += _texts(result.get("actions"))
            self._commands += _texts(result.get("ran"))
            self._diffs += _diffs(result.get("diff"))
            if not any(key in result for key in _KNOWN):
                self._others.append(task)
        into, what = (self._services, "restart {}") if "actions" in result else (self._commands, "{}")
        for name, patterns in list(mapping(result.get("watched")).items())[:_MOST]:
            self._watched.append((into, what.format(text_of(name, _NAME)), _texts(patterns)))

    def end(self, reason: str = "") -> Rehearsed:
        """What was found. ``reason`` is why the run itself did not come to its end, if it did not."""
        for into, what, patterns in self._watched:
            if what not in into and any(fnmatch(path, pattern) for path in self._paths for pattern in patterns):
                into.append(what)
        return Rehearsed(
            self._key,
            tuple(self._paths),
            tuple(self._diffs),
            tuple(self._packages),
            tuple(self._services),
            tuple(self._commands),
            tuple(self._others),
            self._error or reason,
        )


class Rehearsals:
    """Follows the events of several jobs' rehearsals in one run, one after the other."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = keys
        self._begun: list[Rehearsal] = []

    def __call__(self, event: Mapping[str, Any]) -> None:
        """Take one event of ansible-runner."""
        if event.get("event") == "playbook_on_play_start":
            play = mapping(event.get("event_data")).get("play")
            if len(self._begun) < len(self._keys) and play == self._keys[len(self._begun)]:
                self._begun.append(Rehearsal(self._keys[len(self._begun)]))
        elif self._begun:
            self._begun[-1](event)

    @property
    def all_begun(self) -> bool:
        """Whether the node came to the last of them."""
        return len(self._begun) == len(self._keys)

    def end(self, reason: str = "") -> list[Rehearsed]:
        """What was found of those that had begun. ``reason`` is why the run did not come to its end, if it did not.

        It is the last one's, or the first job's, if none had begun: of these there is always one.
        """
        if reason and not self._begun:
            self._begun.append(Rehearsal(self._keys[0]))
        return [one.end(reason if one is self._begun[-1] else "") for one in self._begun]


def _texts(value: object) -> list[str]:
    found: Iterable[object] = value[:_MOST] if isinstance(value, list) else ()
    return [text_of(one, _NAME) for one in found]


def _diffs(value: object) -> Iterable[str]:
    for one in value[:_MOST] if isinstance(value, list) else ():
        if isinstance(text := mapping(one).get("prepared"), str):
            # Cut between lines: half of a secret would not be known for one when secrets are masked.
            kept = text if len(text) <= _LONGEST else text[:_LONGEST].rpartition("\n")[0]
            yield text_of(kept, _LONGEST)
