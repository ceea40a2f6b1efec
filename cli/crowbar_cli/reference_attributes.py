"""The attributes' reference page, made from the barclamps' schemas.

`python -m crowbar_cli.reference_attributes > docs/reference/attributes.md`
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import click

from crowbar.catalog.load import load_catalog
from crowbar.catalog.model import Barclamp
from crowbar.paths import data_dir

_HEAD = """\
# Attributes

<!-- Made by `python -m crowbar_cli.reference_attributes > docs/reference/attributes.md`; a test holds it current. -->

What Crowbar's own barclamps let you set: in a cluster file under `attributes`, or by
`crowbar proposals edit BARCLAMP --set PATH=VALUE`. `crowbar barclamps show NAME` lists those of any barclamp, your own
among them. `name[]` is each item of a list, `name.*` each entry of a mapping whose keys you choose. A default of `auto`
is decided by what the node can do; the plan says what was chosen.
"""
_KINDS = {
    "array": "list",
    "boolean": "true or false",
    "integer": "whole number",
    "number": "number",
    "object": "mapping",
    "string": "text",
}
_BAR = "\\|"  # a bar inside a cell
_SIZES = (
    ("minLength", "maxLength", "characters"),
    ("minItems", "maxItems", "items"),
    ("minProperties", "maxProperties", "entries"),
)


def reference() -> str:
    """The page, in Markdown: a table for each of Crowbar's own barclamps."""
    catalog, _ = load_catalog([data_dir() / "barclamps"])
    sections = (_section(catalog.get(name)) for name in sorted(catalog.barclamps))
    return "\n".join([_HEAD, *sections]).rstrip() + "\n"


def _section(barclamp: Barclamp) -> str:
    aliases = f" (also: {', '.join(barclamp.aliases)})" if barclamp.aliases else ""
    rows = "\n".join(_row(path, schema) for path, schema in attributes(barclamp.schema))
    table = f"| Attribute | Default | Allowed | What it is |\n| --- | --- | --- | --- |\n{rows}\n" if rows else ""
    return f"## {barclamp.name}{aliases}\n\n{barclamp.summary}.\n\n{table}"


def attributes(schema: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each attribute's dotted path and schema, at any depth; a group is there by what is in it."""
    for name, sub in schema.get("properties", {}).items():
        path = f"{prefix}{name}"
        if not sub.get("properties"):
            yield path, sub
        yield from attributes(sub, f"{path}.")
        for key, mark in (("items", "[]"), ("additionalProperties", ".*")):
            if isinstance(sub.get(key), dict):
                yield from attributes(sub[key], f"{path}{mark}.")


def _row(path: str, schema: Mapping[str, Any]) -> str:
    default = _code(json.dumps(schema["default"], ensure_ascii=False)) if "default" in schema else "must be given"
    title, more = f"{schema.get('title', '')}.", str(schema.get("description", ""))
    text = more if title == more else f"{title} {more}"
    return f"| `{path}` | {default} | {allowed(schema)} | {' '.join(text.split()).replace('|', _BAR)} |"


def allowed(schema: Mapping[str, Any]) -> str:
    """What a value may be, in words: its type, bounds and pattern, or the values to choose from."""
    if "enum" in schema:
        return ", ".join(_code(str(one)) for one in schema["enum"])
    kind = schema.get("type", "anything")
    words = [" or ".join(_KINDS.get(one, one) for one in ([kind] if isinstance(kind, str) else kind))]
    words += [_range(schema.get("minimum"), schema.get("maximum"))]
    words += [
        f"{size} {what}" for low, high, what in _SIZES if (size := _range(schema.get(low), schema.get(high))) != ""
    ]
    words += [f"like {_code(schema['pattern'])}"] if "pattern" in schema else []
    if isinstance(schema.get("items"), dict):
        words.append(f"each: {allowed(schema['items'])}")
    return ", ".join(word for word in words if word)


def _range(low: float | None, high: float | None) -> str:
    if low is not None and high is not None:
        return f"{low} to {high}"
    return f"at least {low}" if low is not None else f"at most {high}" if high is not None else ""


def _code(text: str) -> str:
    """Text as code inside a table's cell."""
    return f"`{text.replace('|', _BAR)}`" if text else "empty"


if __name__ == "__main__":
    click.echo(reference(), nl=False)
