"""The rules' file read and checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError

from crowbar_inventory.rules.alias import Template
from crowbar_inventory.rules.conditions import Conditions, Part
from crowbar_inventory.rules.disks import DiskChoice, read_choice
from crowbar_inventory.rules.faults import RuleFault, RulesError
from crowbar_inventory.rules.lines import LIMIT, Lines, read_lines
from crowbar_inventory.rules.terms import Text

_RULES = 1000
_SHOWN = 60


class Rule(Part):
    """One rule: what a server must be, and what is made of it; or why it is refused."""

    name: Text
    when: Conditions = Conditions()
    alias: Template = ""
    group: Text = ""
    intended_role: Text = ""
    install_disk: Annotated[DiskChoice | None, BeforeValidator(read_choice)] = None
    refuse: Text = ""


class _File(Part):
    rules: list[Rule] = Field(default_factory=list)


@dataclass(frozen=True)
class Rules:
    """The rules in their order; none at all without a file."""

    rules: tuple[Rule, ...] = ()


def load_rules(path: Path) -> Rules:
    """The rules in the YAML file.

    Raises RulesError with everything that is wrong with it, also that it cannot be read.
    """
    try:
        with path.open("rb") as file:
            text = file.read(LIMIT * 4 + 1).decode("utf-8-sig")
    except OSError as error:
        raise RulesError([RuleFault(str(path), f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise RulesError([RuleFault(str(path), "is no UTF-8 text")]) from error
    return parse_rules(text, str(path))


def parse_rules(text: str, name: str = "rules.yml") -> Rules:
    """The rules in the text; ``name`` is what faults call it.

    Raises RulesError with everything that is wrong with it.
    """
    source = read_lines(text, name)
    rules: list[Rule] = []
    try:
        rules = _File.model_validate({} if source.data is None else source.data).rules
    except ValidationError as error:
        for one in error.errors(include_url=False):
            source.add(_message(one), _path(one["loc"], source))
    for message, path in _contradictions(rules):
        source.add(message, path)
    source.check()
    return Rules(tuple(rules))


def _contradictions(rules: list[Rule]) -> Iterator[tuple[str, tuple[str | int, ...]]]:
    """What is wrong with rules that are right each by itself."""
    if len(rules) > _RULES:
        yield f"has {len(rules)} rules; {_RULES} are allowed", ("rules",)
    names: dict[str, int] = {}
    catch_all = ""
    for place, rule in enumerate(rules):
        if rule.name in names:
            yield f"there is a rule {rule.name!r} already", ("rules", place, "name")
        names.setdefault(rule.name, place)
        makes = rule.alias or rule.group or rule.intended_role or rule.install_disk
        if rule.refuse and makes:
            yield f"{rule.name!r} refuses the server, so it can make nothing of it", ("rules", place, "refuse")
        if not rule.refuse and not makes:
            yield f"{rule.name!r} has no alias, group, intended_role, install_disk or refuse", ("rules", place)
        if catch_all:
            yield f"{rule.name!r} is never reached: {catch_all!r} before it fits every server", ("rules", place)
        if rule.when == Conditions():
            catch_all = catch_all or rule.name


def _path(location: tuple[int | str, ...], source: Lines) -> tuple[str | int, ...]:
    """Where the file has it: pydantic's location without the steps that are pydantic's own."""
    path: tuple[str | int, ...] = ()
    for step in location:
        if (*path, step) in source.lines:
            path = (*path, step)
    return path


def _message(error: Any) -> str:
    key = error["loc"][-1] if error["loc"] else "the file"
    key = "a rule" if isinstance(key, int) else str(key)[:_SHOWN]
    kind = error["type"]
    if kind == "value_error":
        return f"{key}: {error['ctx']['error']}"
    if kind == "extra_forbidden":
        return f"{key!r} is not known here"
    return f"{key}: {_KINDS.get(kind) or error['msg']}"


_KINDS = {
    "missing": "is missing",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "dict_type": "must be a mapping",
}
