"""A YAML file as plain data with the line of everything in it.

A plain word is what YAML 1.2's core has it: `no` is a text, and so is the MAC 52:54:00:12:34:56, which YAML 1.1 calls
a number. Aliases, tags and merge keys are faults: a rules' file needs none of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

from crowbar_inventory.rules.faults import RuleFault, RulesError
from crowbar_inventory.text import one_line

LIMIT = 256 * 1024  # characters
_DEPTH = 20
_SHOWN = 60
_FAULTS = 100
_CONSTANTS: dict[str, Any] = {"": None, "~": None, "null": None, "true": True, "false": False}
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})", re.ASCII)
_DECIMAL = re.compile(r"-?(0|[1-9]\d{0,17})\.\d{1,17}", re.ASCII)

Path = tuple[str | int, ...]


@dataclass
class Lines:
    """The file's data, the line at which the value of each path begins, and what is wrong with it so far."""

    name: str
    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[RuleFault] = field(default_factory=list)

    def add(self, message: str, path: Path) -> None:
        """A fault at the path, or at the nearest thing around it that the file has."""
        while path and path not in self.lines:
            path = path[:-1]
        self.faults.append(RuleFault(f"{self.name}:{self.lines.get(path, 1)}", one_line(message, 1024)))

    def check(self) -> None:
        """Raise RulesError if anything is wrong."""
        found = sorted(set(self.faults), key=_by_line)
        if len(found) > _FAULTS:
            more = RuleFault(self.name, f"and {len(found) - _FAULTS} more")
            found = [*found[:_FAULTS], more]
        if found:
            raise RulesError(found)


def read_lines(text: str, name: str) -> Lines:
    """The YAML in the text; ``name`` is what faults call the file. What is wrong with single values is in its faults.

    Raises RulesError where it is no YAML.
    """
    found = Lines(name)
    if len(text) > LIMIT:
        found.add(f"has {len(text)} characters; {LIMIT} are allowed", ())
        found.check()
    try:
        # What the text decides, the depth, is bounded before anything recurses into it.
        _bound(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise RulesError([RuleFault(f"{name}:{line}", f"not YAML: {one_line(str(error.problem))}")]) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # characters that do not exist
        raise RulesError([RuleFault(f"{name}:1", f"not YAML: {one_line(str(error), 80)}")]) from error
    found.data = None if node is None else _value(node, (), found)
    return found


def _bound(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise _wrong(event, "aliases (`*name`) are not allowed: write the values out")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEPTH:
            raise _wrong(event, f"nested more than {_DEPTH} deep")
        if getattr(event, "tag", None) not in (None, "!"):
            raise _wrong(event, "tags (`!name`) are not allowed")


def _wrong(event: Any, problem: str) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


def _value(node: Any, path: Path, found: Lines) -> Any:
    found.lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        return [_value(child, (*path, place), found) for place, child in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, found)
    value = _plain(node.value) if node.style is None else node.value
    if value is None and path:
        found.add(f"{path[-1]}: has no value", path)
    return value


def _mapping(node: yaml.MappingNode, path: Path, found: Lines) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            found.faults.append(RuleFault(f"{found.name}:{line}", "a key must be text"))
        elif name in values:
            first = found.lines[*path, name]
            message = f"{name[:_SHOWN]!r} is there twice, first in line {first}"
            found.faults.append(RuleFault(f"{found.name}:{line}", message))
        found.lines.setdefault((*path, name), line)
        values[name] = _value(value, (*path, name), found)
    return values


def _plain(text: str) -> Any:
    if text.lower() in _CONSTANTS:
        return _CONSTANTS[text.lower()]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def _by_line(fault: RuleFault) -> tuple[int, str]:
    line = fault.place.rpartition(":")[2]
    return int(line), fault.message
