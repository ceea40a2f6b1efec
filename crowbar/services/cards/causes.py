"""Likely causes: rules that recognize what failing steps and services print."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from crowbar.catalog.raw import Raw, raw_faults
from crowbar.catalog.source import read_yaml
from crowbar.errors import InputError

RULES = Path(__file__).with_name("causes.yml")
_LONGEST_LINE = 1000  # characters: no rule is tried on more of a line


@dataclass(frozen=True)
class Cause:
    """A rule. ``example`` is a real line that it recognizes, ``cause`` and ``advice`` are what a person is told."""

    id: str
    pattern: re.Pattern[str]
    example: str
    cause: str
    advice: str


class _Rule(Raw):
    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    match: Annotated[str, Field(min_length=4)]
    example: Annotated[str, Field(min_length=4)]
    cause: Annotated[str, Field(min_length=10, max_length=300)]
    next: Annotated[str, Field(min_length=10, max_length=400)]


class _Rules(Raw):
    causes: Annotated[list[_Rule], Field(min_length=1)]


@cache
def load_causes(path: Path = RULES) -> tuple[Cause, ...]:
    """The rules in their order, the more special ones first. Raises InputError for a faulty file."""
    source = read_yaml(path)
    try:
        rules = _Rules.model_validate(source.data).causes
    except ValidationError as error:
        faults = raw_faults(source, error, (_Rules, _Rule))
        raise InputError(f"The rules in {path} are faulty.", faults=faults) from error
    return tuple(Cause(r.id, re.compile(r.match, re.IGNORECASE), r.example, r.cause, r.next) for r in rules)


def match(lines: Sequence[str], causes: Sequence[Cause]) -> Cause | None:
    """The first rule that recognizes one of the lines; None if none does."""
    cut = [line[:_LONGEST_LINE] for line in lines]
    return next((cause for cause in causes if any(cause.pattern.search(line) for line in cut)), None)
