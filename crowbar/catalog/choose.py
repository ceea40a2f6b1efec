"""Attributes whose value is `auto`: chosen by what a node can do."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any

from crowbar.catalog.model import Barclamp, Choice
from crowbar.errors import InputError

AUTO = "auto"


def resolve(
    barclamp: Barclamp, attributes: Mapping[str, Any], capabilities: Collection[str]
) -> tuple[dict[str, Any], list[str]]:
    """The complete ``attributes`` without `auto`, and notes for people: what was chosen, and why.

    The first choice that a node with these ``capabilities`` can do is taken. A value that was given is left alone;
    where the node cannot do it, a note says so. Raises InputError if no choice is left.
    """
    result = copy.deepcopy(dict(attributes))
    notes = []
    for path, choices in barclamp.choices.items():
        *outer, last = path.split(".")
        inside = result
        for name in outer:
            inside = inside[name]
        given = next((one for one in choices if one.value == inside[last]), None)
        if inside[last] == AUTO:
            chosen = _first(barclamp.name, path, choices, capabilities)
            inside[last] = chosen.value
            notes.append(f"{path} = {chosen.value}{_reason(chosen)}")
        elif given and (missing := [need for need in given.needs if need not in capabilities]):
            notes.append(f"{path} = {given.value} was asked for, but the node has no {' and no '.join(missing)}")
    return result, notes


def _first(barclamp: str, path: str, choices: tuple[Choice, ...], capabilities: Collection[str]) -> Choice:
    for choice in choices:
        if all(need in capabilities for need in choice.needs):
            return choice
    known = ", ".join(sorted(capabilities)) or "nothing special"
    wanted = ", ".join(f"{one.value} (needs {' and '.join(one.needs)})" for one in choices)
    raise InputError(
        f"{barclamp}: no value of {path} fits a node that can do {known}.", hint=f"The choices are {wanted}."
    )


def _reason(choice: Choice) -> str:
    if choice.why:
        return f": {choice.why}"
    return f": the node has {' and '.join(choice.needs)}" if choice.needs else ""
