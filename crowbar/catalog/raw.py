"""Files checked by pydantic at the edge: strict models, and their errors as faults with lines."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, ValidationError

from crowbar.catalog.source import Source, kind_of
from crowbar.catalog.words import nearest
from crowbar.errors import Fault

_EXPECTED = {
    "model_type": "a mapping",
    "dict_type": "a mapping",
    "list_type": "a list",
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
}


class Raw(BaseModel):
    """A part of a file: no key but its own, no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True)


def raw_faults(source: Source, error: ValidationError, models: Iterable[type[Raw]]) -> list[Fault]:
    """Pydantic's errors in words; ``models`` are those whose keys an unknown key may have been meant as."""
    keys = sorted({key for model in models for key in model.model_fields})
    return [_fault(source, one["type"], one["loc"], one["input"], one["msg"], keys) for one in error.errors()]


def _fault(source: Source, kind: str, loc: tuple[str | int, ...], given: object, said: str, keys: list[str]) -> Fault:
    path = tuple(part for part in loc if not str(part).startswith("["))  # pydantic's own words: "[key]", our tags
    where = ".".join(map(str, path))
    if kind == "extra_forbidden":
        message = f"there is no key {path[-1]!r} here{nearest(str(path[-1]), keys)}"
    elif kind == "missing":
        message = f"{path[-1]} is missing"
    elif kind in _EXPECTED:
        message = f"{where} must be {_EXPECTED[kind]}, is {kind_of(given)}"
    elif kind == "string_pattern_mismatch":
        message = f"{where}: {given!r} is not allowed: {said[0].lower()}{said[1:]}"
    else:
        message = f"{where}: {said.removeprefix('Value error, ')}" if where else said
    return source.fault(message, *path)
