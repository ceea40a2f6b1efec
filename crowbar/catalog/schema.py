"""What a barclamp's `schema.json` must be, beyond being JSON Schema 2020-12."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator

from crowbar.catalog.source import DataPath, Source
from crowbar.errors import Fault

_WANTED = ("title", "description", "default")
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
# One compiled validator for all: `check_schema` makes a new one each time.
_META = Draft202012Validator(Draft202012Validator.META_SCHEMA)
EMPTY: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": {}}


def faults(source: Source) -> list[Fault]:
    """Everything that is wrong with a schema file, each with its line."""
    schema = source.data
    invalid = [
        source.fault(f"no valid JSON Schema: {error.message}", *error.absolute_path)
        for error in _META.iter_errors(schema)
    ]
    if invalid:
        return invalid
    found = []
    if schema.get("$schema", _DIALECT) != _DIALECT:
        found.append(source.fault(f"must be {_DIALECT}", "$schema"))
    if schema.get("type") != "object":
        found.append(source.fault('must say `"type": "object"`', "type"))
    found.extend(_undocumented(source))
    return found or _wrong_defaults(source)


def properties(schema: Mapping[str, Any], path: DataPath = ()) -> Iterator[tuple[DataPath, Mapping[str, Any]]]:
    """Every named attribute of a schema with its place in the schema, at any depth."""
    for name, sub in schema.get("properties", {}).items():
        here = (*path, "properties", name)
        yield here, sub
        yield from properties(sub, here)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from properties(schema[key], (*path, key))


def attribute(schema: Mapping[str, Any], path: str) -> Mapping[str, Any] | None:
    """The schema of the named attribute at ``path`` ("a.b.c"), or None if there is none."""
    found: Mapping[str, Any] | None = schema
    for name in path.split("."):
        found = found.get("properties", {}).get(name) if found else None
    return found


def _undocumented(source: Source) -> Iterator[Fault]:
    closed = [((), source.data), *properties(source.data)]
    for path, sub in closed:
        missing = [key for key in _WANTED if key not in sub] if path else []
        if missing:
            yield source.fault(f"attribute {_dotted(path)} has no {' and no '.join(missing)}", *path)
        if "properties" in sub and sub.get("additionalProperties", True) is True:
            where = f"attribute {_dotted(path)}" if path else "the schema"
            yield source.fault(f'{where} must say `"additionalProperties": false`', *path)


def _wrong_defaults(source: Source) -> list[Fault]:
    found = []
    for path, sub in properties(source.data):
        if "items" in path or "additionalProperties" in path:
            continue  # checked as part of what holds them, where a value is given
        found += [
            source.fault(f"the default of {_dotted(path)} is not valid: {error.message}", *path)
            for error in Draft202012Validator(sub).iter_errors(sub["default"])
        ]
    return found


def _dotted(path: DataPath) -> str:
    """The attribute's own path: the schema's words between the names are left out."""
    parts = iter(path)
    return ".".join(str(next(parts)) if part == "properties" else "[]" if part == "items" else "*" for part in parts)
