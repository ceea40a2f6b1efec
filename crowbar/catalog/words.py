"""The faults that jsonschema finds, in words: which attribute, what it is, and what would be right."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from crowbar.catalog.manifest import nearest
from crowbar.catalog.source import DataPath, kind_of

_SECRET = re.compile(r"passw|secret|token|credential|private_?key", re.IGNORECASE)
_TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing (null)",
}


def messages(error: Any) -> Iterable[tuple[DataPath, str]]:
    """One error in words, for each attribute it is about (its path below the error's)."""
    path = ".".join(map(str, error.absolute_path))
    if error.validator == "additionalProperties" and error.validator_value is False:
        known = list(error.schema.get("properties", {}))
        for name in sorted(set(error.instance) - set(known)):
            where = f" in {path}" if path else ""
            yield ((name,), f"there is no attribute {name!r}{where}{nearest(name, known)}")
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
    return text if len(text) <= 80 else f"{text[:77]}..."


def _wanted(error: Any) -> str:
    """What the schema allows there."""
    schema, limit = error.schema, error.validator_value
    match error.validator:
        case "type":
            types = [limit] if isinstance(limit, str) else limit
            return f"it must be {' or '.join(_TYPES[one] for one in types)}"
        case "enum":
            close = (
                nearest(error.instance, [one for one in limit if isinstance(one, str)])
                if isinstance(error.instance, str)
                else ""
            )
            return f"it must be one of {', '.join(map(str, limit))}{close}"
        case "const":
            return f"it must be {limit}"
        case "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum":
            return f"it must be {_bounds(schema)}"
        case "multipleOf":
            return f"it must be a multiple of {limit}"
        case "pattern":
            return f"it must look like {limit}"
        case "minLength" | "maxLength":
            return f"its length must be {_range(schema.get('minLength'), schema.get('maxLength'))}"
        case "minItems" | "maxItems":
            return f"its number of items must be {_range(schema.get('minItems'), schema.get('maxItems'))}"
        case "minProperties" | "maxProperties":
            return f"its number of entries must be {_range(schema.get('minProperties'), schema.get('maxProperties'))}"
        case "uniqueItems":
            return "an item is there twice"
        case "propertyNames":
            return "one of its names is not allowed"
        case "anyOf" | "oneOf":
            return f"it must fit one of: {'; '.join(_described(one) for one in limit)}"
        case other:
            return f"it breaks the schema's rule {other!r}"


def _described(schema: Any) -> str:
    if not isinstance(schema, Mapping):
        return str(schema)
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    types = schema.get("type", [])
    words = " or ".join(_TYPES[one] for one in ([types] if isinstance(types, str) else types))
    bounds = _bounds(schema)
    return " ".join(
        part for part in (words, bounds, f"like {schema['pattern']}" if "pattern" in schema else "") if part
    )


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
