"""Faults in words: which attribute, what it is, and what would be right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from crowbar.catalog.source import DataPath, kind_of

_SECRET = re.compile(r"passw|secret|token|credential|private_?key", re.IGNORECASE)
_SHOWN = 80  # characters of a value
_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing (null)",
}


def nearest(name: str, names: Collection[str]) -> str:
    """` (did you mean 'x'?)` for the name most like this one, or nothing."""
    found = difflib.get_close_matches(name, list(names), n=1)
    return f" (did you mean {found[0]!r}?)" if found else ""


def first_of(names: Sequence[str], most: int) -> str:
    """The first so many names, and how many others there are: "n1, n2 and 5 more"."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def no_attribute(name: str, inside: str, known: Collection[str]) -> str:
    """What to say of an attribute that is not among the ``known`` ones ``inside`` another (a path, or empty)."""
    return f"there is no attribute {name!r}{f' in {inside}' if inside else ''}{nearest(name, known)}"


def messages(error: Any) -> Iterable[tuple[DataPath, str]]:
    """One error in words, for each attribute it is about (its path below the error's)."""
    path = ".".join(map(str, error.absolute_path))
    if error.validator == "additionalProperties" and error.validator_value is False:
        known = list(error.schema.get("properties", {}))
        for name in sorted(set(error.instance) - set(known)):
            yield (name,), no_attribute(name, path, known)
    elif error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        yield (), f"{path}: {' and '.join(missing)} must be given"
    else:
        yield (), f"{path} is {_shown(path, error.instance)}; {_wanted(error)}"


def _shown(path: str, value: Any) -> str:
    if _SECRET.search(path):
        return "a value that is not shown"
    if isinstance(value, (Mapping, list, bool)) or value is None:
        return kind_of(value) if not isinstance(value, bool) else str(value).lower()
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def _wanted(error: Any) -> str:
    """What the schema allows there."""
    say = _RULES.get(error.validator)
    return say(error) if say else f"it breaks the schema's rule {error.validator!r}"


def _one_of(error: Any) -> str:
    allowed = [str(one) for one in error.validator_value]
    return f"it must be one of {', '.join(allowed)}{nearest(str(error.instance), allowed)}"


def _size(what: str, least: str, most: str) -> Callable[[Any], str]:
    return lambda error: f"its {what} must be {_range(error.schema.get(least), error.schema.get(most))}"


def _described(schema: Any) -> str:
    if not isinstance(schema, Mapping):
        return str(schema)
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    parts = (
        _types(schema.get("type", [])),
        _bounds(schema),
        f"like {schema['pattern']}" if "pattern" in schema else "",
    )
    return " ".join(part for part in parts if part)


def _bounds(schema: Mapping[str, Any]) -> str:
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    words = [_range(schema.get("minimum"), schema.get("maximum"))]
    words += [f"more than {above}"] if above is not None else []
    words += [f"less than {below}"] if below is not None else []
    return " and ".join(word for word in words if word)


def _range(low: Any, high: Any) -> str:
    if low is not None and high is not None:
        return f"from {low} to {high}"
    return f"at least {low}" if low is not None else f"at most {high}" if high is not None else ""


def _types(named: str | list[str]) -> str:
    return " or ".join(_TYPES[one] for one in ([named] if isinstance(named, str) else named))


_RULES: dict[str, Callable[[Any], str]] = {
    "type": lambda error: f"it must be {_types(error.validator_value)}",
    "enum": _one_of,
    "const": lambda error: f"it must be {error.validator_value}",
    **dict.fromkeys(
        ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
        lambda error: f"it must be {_bounds(error.schema)}",
    ),
    "multipleOf": lambda error: f"it must be a multiple of {error.validator_value}",
    "pattern": lambda error: f"it must look like {error.validator_value}",
    **dict.fromkeys(("minLength", "maxLength"), _size("length", "minLength", "maxLength")),
    **dict.fromkeys(("minItems", "maxItems"), _size("number of items", "minItems", "maxItems")),
    **dict.fromkeys(("minProperties", "maxProperties"), _size("number of entries", "minProperties", "maxProperties")),
    "uniqueItems": lambda _: "an item is there twice",
    "anyOf": lambda error: f"it must fit one of: {'; '.join(map(_described, error.validator_value))}",
    "oneOf": lambda error: f"it must fit one of: {'; '.join(map(_described, error.validator_value))}",
}
