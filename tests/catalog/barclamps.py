"""Barclamps for tests, written to a folder from a few lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from crowbar.catalog.load import load_catalog
from crowbar.catalog.model import Barclamp, Catalog, NodeView


def attribute(kind: str, default: Any, **more: Any) -> dict[str, Any]:
    """An attribute's schema, documented."""
    return {"type": kind, "title": f"A {kind}", "description": "What it does.", "default": default, **more}


def schema(**properties: Any) -> dict[str, Any]:
    """An object's schema."""
    return {"type": "object", "additionalProperties": False, "properties": properties}


def write(place: Path, name: str, *, attributes: dict[str, Any] | None = None, **manifest: Any) -> Path:
    """A barclamp's folder, with one role `NAME-server` unless the manifest has others."""
    folder = place / name
    roles = manifest.setdefault("roles", {f"{name}-server": {"summary": "The server"}})
    for role in roles:
        tasks = folder / "roles" / role.replace("-", "_") / "tasks"
        tasks.mkdir(parents=True)
        (tasks / "main.yml").write_text("---\n- name: Nothing\n  ansible.builtin.meta: noop\n")
    content = {"name": name, "summary": f"The barclamp {name}", **manifest}
    (folder / "barclamp.yml").write_text(yaml.safe_dump(content, sort_keys=False))
    (folder / "schema.json").write_text(json.dumps(attributes or schema(), indent=2))
    return folder


def load_one(place: Path, name: str, **given: Any) -> Barclamp:
    """The barclamp that `write` wrote, loaded."""
    write(place, name, **given)
    return load(place).get(name)


def load(*places: Path) -> Catalog:
    """The catalog of these folders, in which there is no fault."""
    catalog, faults = load_catalog(list(places))
    assert faults == []
    return catalog


def node(name: str, number: int = 1, *, aliases: tuple[str, ...] = (), **facts: Any) -> NodeView:
    """A node with an address in the admin network."""
    return NodeView(name, f"{name}.test", {"admin": f"10.0.0.{number}"}, aliases, facts)
