"""A proposal's attributes: completed from the schema's defaults, reduced to what differs from them, and checked."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jsonschema import Draft202012Validator

from crowbar.catalog.model import Barclamp
from crowbar.catalog.source import DataPath
from crowbar.catalog.words import messages, no_attribute
from crowbar.errors import Fault

Place = str | Callable[[DataPath], str]


def complete(barclamp: Barclamp, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes with all defaults filled in, at any depth. Mappings are merged, lists replace the default's."""
    return dict(_completed(barclamp.schema, attributes))


def minimal(barclamp: Barclamp, attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Only what differs from the defaults; completing it gives the same as completing ``attributes``."""
    return dict(_reduced(barclamp.schema, attributes, complete(barclamp, {})))


def validate(barclamp: Barclamp, attributes: Mapping[str, Any], place: Place) -> list[Fault]:
    """All faults of a proposal's attributes (as given, not completed).

    ``place`` is where they stand: a text, or what makes one from an attribute's path. Values of attributes that
    are called like secrets are not shown.
    """
    found = []
    for error in Draft202012Validator(barclamp.schema).iter_errors(complete(barclamp, attributes)):
        path: DataPath = tuple(error.absolute_path)
        for more, message in messages(error):
            found.append(Fault(place((*path, *more)) if callable(place) else place, message))
    return sorted(set(found))


def wipe(attributes: Mapping[str, Any], paths: Iterable[str | Sequence[str]]) -> dict[str, Any]:
    """Without the attributes at ``paths`` ("a.b.c" or a list of names), which so return to their defaults.

    A path that is not there is left alone, as Crowbar's `wipe_attributes` did.
    """
    result = copy.deepcopy(dict(attributes))
    for path in paths:
        names = _names(path)
        if not names:
            continue
        *outer, last = names
        inside: Any = result
        for name in outer:
            inside = inside.get(name) if isinstance(inside, dict) else None
        if isinstance(inside, dict):
            inside.pop(last, None)
    return result


def unwipeable(
    barclamp: Barclamp, attributes: Mapping[str, Any], paths: Sequence[str | Sequence[str]], place: Callable[[int], str]
) -> list[Fault]:
    """A fault for each path of `wipe` that stands for nothing: ``attributes`` do not have it, nor does the schema.

    What an earlier schema had can so still be taken from a proposal. ``place`` is where the n-th path stands.
    """
    found = []
    for index, path in enumerate(paths):
        message = _unknown(barclamp.schema, _names(path))
        if message and wipe(attributes, [path]) == attributes:
            found.append(Fault(place(index), message))
    return found


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """``under`` with ``over`` put into it: mappings are merged at any depth, all else is replaced."""
    result = dict(under)
    for name, value in over.items():
        below = result.get(name)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            result[name] = merge(below, value)
        else:
            result[name] = copy.deepcopy(value)
    return result


def _completed(schema: Mapping[str, Any], value: Any) -> Any:
    if isinstance(value, Mapping):
        default = schema.get("default")
        merged = merge(default if isinstance(default, Mapping) else {}, value)
        known = schema.get("properties", {})
        filled = {name: copy.deepcopy(sub["default"]) for name, sub in known.items() if "default" in sub}
        return {name: _completed(_inner(schema, name), one) for name, one in merge(filled, merged).items()}
    if isinstance(value, (list, tuple)):
        items = schema.get("items")
        return [_completed(items if isinstance(items, Mapping) else {}, one) for one in value]
    return value


def _reduced(schema: Mapping[str, Any], value: Mapping[str, Any], default: Mapping[str, Any]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for name, one in value.items():
        sub, base = _inner(schema, name), default.get(name)
        if isinstance(one, Mapping) and isinstance(base, Mapping):
            if inner := _reduced(sub, one, base):
                result[name] = inner
        elif name not in default or not _same(_completed(sub, one), base):
            result[name] = _least(sub, one)
    return result


def _least(schema: Mapping[str, Any], value: Any) -> Any:
    """A value that no default stands for, without what its own schema's defaults say."""
    if isinstance(value, Mapping):
        return _reduced(schema, value, _completed(schema, {}))
    if isinstance(value, (list, tuple)):
        items = schema.get("items")
        return [_least(items if isinstance(items, Mapping) else {}, one) for one in value]
    return value


def _names(path: str | Sequence[str]) -> list[str]:
    return path.split(".") if isinstance(path, str) else list(path)


def _unknown(schema: Mapping[str, Any], path: Sequence[str]) -> str:
    """Why nothing can be at ``path``, or an empty text."""
    if not path:
        return "there is no attribute without a name"
    for depth, name in enumerate(path):
        known = schema.get("properties", {})
        # Without a word about others, a mapping is free, and anything else holds none.
        more = known.get(name, schema.get("additionalProperties", "object" in schema.get("type", "object")))
        if more is False:
            return no_attribute(name, ".".join(path[:depth]), list(known))
        schema = more if isinstance(more, Mapping) else {}
    return ""


def _inner(schema: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The schema of the value at ``name`` inside a mapping's; an empty one where the schema is silent."""
    found = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
    return found if isinstance(found, Mapping) else {}


def _same(one: Any, other: Any) -> bool:
    """Equal, and of the same types: in Python True is 1, and 1 is 1.0."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
