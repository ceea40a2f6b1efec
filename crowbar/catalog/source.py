"""YAML and JSON files, perhaps a stranger's, as plain data with the line of everything in them."""

from __future__ import annotations

import copy
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from crowbar.errors import Fault, InputError

LIMIT = 1024 * 1024  # bytes: the largest file that is read at all
_NODES = 100_000  # values after aliases are followed: an alias bomb has 10^9 of them in a kilobyte
_DEPTH = 60
_SHOWN = 60  # characters of a value in a message

_WORDS = {dict: "a mapping", list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}

DataPath = tuple[str | int, ...]
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SCALARS = {f"tag:yaml.org,2002:{tag}" for tag in ("null", "bool", "int", "float", "str")}
_TEXT_TOO = {f"tag:yaml.org,2002:{tag}" for tag in ("timestamp", "value")}  # plain words that YAML has a type for
_FRAME = (yaml.StreamStartEvent, yaml.StreamEndEvent, yaml.DocumentStartEvent, yaml.DocumentEndEvent)


def kind_of(value: Any) -> str:
    """The type of a value in words: "a list", "text", "nothing"."""
    return _WORDS.get(type(value), "nothing")


@dataclass(frozen=True)
class Source:
    """A file's content. ``data`` is made of dict (keys are text), list, str, int, float, bool and None."""

    name: str
    data: Any
    _lines: Callable[[], Mapping[DataPath, int]] = field(repr=False, compare=False)

    @cached_property
    def lines(self) -> Mapping[DataPath, int]:
        """The line (from 1) in which the value at each path begins; of a mapping's entry, the key's."""
        return self._lines()

    def place(self, *path: str | int) -> str:
        """``file:line`` of the value at ``path``, or of the nearest thing around it that the file has."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return f"{self.name}:{self.lines[path[:end]]}"
        return self.name

    def fault(self, message: str, *path: str | int) -> Fault:
        """A fault of the value at ``path``."""
        return Fault(self.place(*path), message)


def read_yaml(path: Path, *, limit: int = LIMIT, mapping: bool = True) -> Source:
    """The YAML file; with ``mapping``, anything else at its top is a fault.

    Raises InputError with all faults, each with its line. A file of more than ``limit`` bytes is not read.
    """
    return parse_yaml(_read(path, limit), str(path), mapping=mapping)


def parse_yaml(text: str, name: str, *, mapping: bool = True) -> Source:
    """As `read_yaml`, from text; ``name`` is what faults call it."""
    builder = _Builder(name, yaml.parse(text, Loader=_Loader))
    try:
        data = builder.document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _refused(name, Fault(f"{name}:{mark.line + 1 if mark else 1}", f"not YAML: {error.problem}")) from error
    except yaml.YAMLError as error:  # a character that YAML does not allow
        raise _refused(name, Fault(f"{name}:1", "not YAML: it has control characters")) from error
    if mapping and not isinstance(data, dict) and not builder.faults:
        builder.faults.append(Fault(f"{name}:1", f"must be a mapping (`key: value` lines), is {kind_of(data)}"))
    if builder.faults:
        raise _refused(name, *builder.faults)
    return Source(name, data, lambda: builder.lines)


def read_json(path: Path, *, limit: int = LIMIT) -> Source:
    """The JSON file, which must hold an object.

    Raises InputError with all faults, each with its line.
    """
    text, name, wrong = _read(path, limit), str(path), list[Fault]()

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        counted = Counter(key for key, _ in pairs)
        wrong.extend(Fault(name, f"{key!r} is there twice in one object") for key in counted if counted[key] > 1)
        return dict(pairs)

    def number(constant: str) -> None:
        wrong.append(Fault(name, f"{constant} is not a finite number"))

    try:
        data = json.loads(text, object_pairs_hook=unique, parse_constant=number)
    except json.JSONDecodeError as error:
        raise _refused(name, Fault(f"{name}:{error.lineno}", f"not JSON: {error.msg}")) from error
    except RecursionError as error:
        raise _refused(name, Fault(f"{name}:1", "nested too deep")) from error
    if not isinstance(data, dict):
        wrong.append(Fault(f"{name}:1", f"must be an object, is {kind_of(data)}"))
    if wrong:
        raise _refused(name, *wrong)
    # JSON is YAML: the slower parser, which knows lines, runs only when there is a fault to place.
    return Source(name, data, lambda: _json_lines(text, name))


def _json_lines(text: str, name: str) -> Mapping[DataPath, int]:
    try:
        return parse_yaml(text.replace("\t", "  "), name).lines
    except InputError:  # what only JSON allows; faults then name the file alone
        return {}


def _read(path: Path, limit: int) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
            size = path.stat().st_size
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", hint="Check the path.") from error
    if len(content) > limit:
        raise _refused(str(path), Fault(str(path), f"has {size} bytes; {limit} are allowed"))
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _refused(str(path), Fault(f"{path}:{line}", "not UTF-8 text")) from error


def _shown(text: str) -> str:
    """A value in a message: enough of it to be found, for it may fill the file."""
    return repr(text) if len(text) <= _SHOWN else f"{text[:_SHOWN]!r}..."


def _refused(name: str, *faults: Fault) -> InputError:
    return InputError(f"{name} cannot be used.", hint="Mend what is named above.", faults=faults)


class _Builder:
    """Turns YAML's events into plain data, within a depth and a budget: no recursion that the text decides on."""

    def __init__(self, name: str, events: Iterator[Any]) -> None:
        self.faults: list[Fault] = []
        self.lines: dict[DataPath, int] = {}
        self._name = name
        self._events = (event for event in events if not isinstance(event, _FRAME))
        self._left = _NODES
        self._anchors: dict[str, tuple[Any, int]] = {}  # the value, and how many values it is made of
        self._resolver: Any = yaml.SafeLoader("")

    def document(self) -> Any:
        """The one document's data; None if there is none."""
        first = next(self._events, None)
        data = None if first is None else self._value(first, ())
        if (second := next(self._events, None)) is not None:
            self._fault(second, "a second document begins: a file holds one")
        return data

    def _value(self, event: Any, path: DataPath) -> Any:
        self.lines.setdefault(path, event.start_mark.line + 1)
        if len(path) > _DEPTH:
            raise _refused(self._name, self._placed(event, f"nested more than {_DEPTH} deep"))
        before = self._left
        self._spend(event, 1)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if isinstance(event, yaml.SequenceStartEvent):
            value: Any = self._sequence(event, path)
        elif isinstance(event, yaml.MappingStartEvent):
            value = self._mapping(event, path)
        else:
            value = self._scalar(event)
        if event.anchor:
            self._anchors[event.anchor] = (value, before - self._left)
        return value

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self._anchors:
            self._fault(event, f"the alias *{event.anchor} stands for nothing that ended before it")
            return None
        value, size = self._anchors[event.anchor]
        self._spend(event, size)
        return copy.deepcopy(value)

    def _spend(self, event: Any, values: int) -> None:
        self._left -= values
        if self._left < 0:
            what = f"more than {_NODES} values once its aliases (`*name`) are followed"
            raise _refused(self._name, self._placed(event, what))

    def _sequence(self, start: Any, path: DataPath) -> list[Any]:
        self._check_tag(start, "seq")
        found: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            found.append(self._value(event, (*path, len(found))))
        return found

    def _mapping(self, start: Any, path: DataPath) -> dict[str, Any]:
        self._check_tag(start, "map")
        found: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            # A key is the text as it was written: `on:` and `8080:` are names here, not a truth and a number.
            key = event.value if isinstance(event, yaml.ScalarEvent) else ""
            if not isinstance(event, yaml.ScalarEvent):
                self._fault(event, "a key must be text")
                self._value(event, (*path, key))
            elif key == "<<" and event.implicit[0]:
                self._fault(event, "merge keys (`<<`) are not allowed: write the values out")
            elif key in found:
                self._fault(event, f"{_shown(key)} is there twice, first in line {self.lines[*path, key]}")
            self.lines.setdefault((*path, key), event.start_mark.line + 1)
            found[key] = self._value(next(self._events), (*path, key))
        return found

    def _scalar(self, event: Any) -> Any:
        tag = event.tag
        if tag in (None, "!"):
            tag = self._resolver.resolve(yaml.ScalarNode, event.value, event.implicit)
        if tag in _TEXT_TOO:
            return event.value
        if tag not in _SCALARS:
            self._fault(event, f"the tag {tag} is not allowed")
            return None
        try:
            value = self._resolver.construct_object(yaml.ScalarNode(tag, event.value))
        except (ValueError, KeyError, yaml.YAMLError):
            self._fault(event, f"{_shown(event.value)} is no value of the type {tag.rpartition(':')[2]}")
            return None
        if isinstance(value, float) and not math.isfinite(value):
            self._fault(event, f"{event.value!r} is not a finite number")
        return value

    def _check_tag(self, event: Any, kind: str) -> None:
        if event.tag not in (None, "!", f"tag:yaml.org,2002:{kind}"):
            self._fault(event, f"the tag {event.tag} is not allowed")

    def _placed(self, event: Any, message: str) -> Fault:
        return Fault(f"{self._name}:{event.start_mark.line + 1}", message)

    def _fault(self, event: Any, message: str) -> None:
        self.faults.append(self._placed(event, message))
