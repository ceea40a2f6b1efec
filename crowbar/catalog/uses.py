"""What a barclamp's roles and gate use of `crowbar`, held against what the manifest and the schema say there is.

It reads text, not programs: `crowbar.secrets.x` and `crowbar.secrets['x']` are found, what is computed is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crowbar.catalog.model import Barclamp, Role
from crowbar.catalog.source import Source
from crowbar.catalog.words import nearest
from crowbar.errors import Fault

_TOPS = "secrets|published|attributes|roles|all_nodes|networks"
_FLAGS = {"all_nodes": "sees_nodes", "networks": "sees_networks"}  # what a role sees only if its manifest says so
_USE = re.compile(rf"""\bcrowbar\.(?P<top>{_TOPS})\b(?P<rest>(?:\.\w+(?!\w*\()|\[\s*["'][^"'\]]+["']\s*\])*)""")
_MEMBER = re.compile(r"""["'](?P<name>[\w-]+)["'] +(?:not +)?in +crowbar\.published\b""")
_STEP = re.compile(r"""\.(\w+)|\[\s*["']([^"'\]]+)["']\s*\]""")
# `crowbar` used as a whole, or a part of it by a computed name.
_COMPUTED = re.compile(r"""(?<![\w./-])crowbar\s*(?:\[|\||\)|}})""")
_FOLDERS = ("tasks", "templates", "vars", "defaults")


@dataclass(frozen=True)
class Use:
    """One place in a text that uses a part of `crowbar`: ``top`` and the names below it."""

    place: str
    top: str
    names: tuple[str, ...]
    role: Role | None  # None in the gate


def uses(barclamp: Barclamp, source: Source) -> list[Fault]:
    """Uses of secrets, barclamps, attributes and roles that are not there, and secrets that nothing uses."""
    found = list(_all(barclamp))
    faults = [fault for use in found if (fault := _wrong(barclamp, use))]
    used = {use.names[0] for use in found if use.top == "secrets" and use.names}
    used |= {value.secret for value in barclamp.publishes.values()}
    if not any(use.top == "secrets" and not use.names for use in found):
        idle = [name for name in barclamp.secrets if name not in used]
        faults += [source.fault(f"the secret {name} is neither used nor published", "secrets", name) for name in idle]
    return faults


def published_reads(role: Path) -> tuple[str, ...] | None:
    """What a role reads of `crowbar.published`, as "barclamp", "barclamp.name", or (whether it is there) "barclamp?".

    None if its texts do not tell.
    """
    return _reads(role, "published", depth=2)


def role_reads(role: Path) -> tuple[str, ...] | None:
    """Of which roles of its barclamp a role reads who holds them; None if its texts do not tell."""
    return _reads(role, "roles", depth=1)


def _reads(role: Path, top: str, depth: int) -> tuple[str, ...] | None:
    found: set[str] = set()
    for file in _texts(role):
        text = file.read_text(errors="replace")
        if top == "published":  # to ask whether a barclamp is there reads no more than that
            found.update(f"{match['name']}?" for match in _MEMBER.finditer(text))
            text = _MEMBER.sub("", text)
        for match in _USE.finditer(text):
            names = [dotted or quoted for dotted, quoted in _STEP.findall(match["rest"])]
            if match["top"] == top and not names:
                return None
            if match["top"] == top:
                found.add(".".join(names[:depth]))
        if _COMPUTED.search(text):
            return None
    return tuple(sorted(found))


def _texts(role: Path) -> list[Path]:
    return sorted(file for kind in _FOLDERS for file in (role / kind).rglob("*") if file.is_file())


def _all(barclamp: Barclamp) -> Iterator[Use]:
    for role in barclamp.roles.values():
        for file in _texts(role.path):
            yield from _in_file(file, role)
    if barclamp.gate:
        yield from _in_file(barclamp.gate.path, None)


def _in_file(file: Path, role: Role | None) -> Iterator[Use]:
    text = file.read_text(errors="replace")
    for match in _USE.finditer(text):
        names = tuple(dotted or quoted for dotted, quoted in _STEP.findall(match["rest"]))
        yield Use(_place(file, text, match.start()), match["top"], names, role)
    for match in _MEMBER.finditer(text):
        yield Use(_place(file, text, match.start()), "published", (match["name"],), role)


def _place(file: Path, text: str, position: int) -> str:
    line = text.count("\n", 0, position) + 1
    return f"{file}:{line}"


def _wrong(barclamp: Barclamp, use: Use) -> Fault | None:
    if flag := _FLAGS.get(use.top):
        if use.role and not getattr(use.role, flag):
            return Fault(use.place, f"{use.role.name} uses crowbar.{use.top}, but does not say `{flag}: true`")
        return None
    if not use.names:
        return None
    name, known = use.names[0], _known(barclamp, use.top)
    if use.top == "attributes":
        return _wrong_attribute(barclamp, use)
    if name in known or hasattr(dict, name):
        return None
    where = {
        "secrets": "is no secret in the manifest",
        "published": "is neither in requires nor in wants",
        "roles": "is no role of this barclamp",
    }
    return Fault(use.place, f"crowbar.{use.top}: {name!r} {where[use.top]}{nearest(name, known)}")


def _known(barclamp: Barclamp, top: str) -> list[str]:
    match top:
        case "secrets":
            return list(barclamp.secrets)
        case "published":
            return [*barclamp.requires, *barclamp.wants]
        case _:
            return list(barclamp.roles)


def _wrong_attribute(barclamp: Barclamp, use: Use) -> Fault | None:
    schema: Any = barclamp.schema
    for depth, name in enumerate(use.names):
        properties = schema.get("properties")
        if properties is None or (hasattr(dict, name) and name not in properties):
            return None  # inside a free mapping or a list, or a method of a mapping: `.items()`
        if name not in properties:
            path = ".".join(("crowbar.attributes", *use.names[:depth]))
            return Fault(use.place, f"{path}: the schema has no attribute {name!r}{nearest(name, list(properties))}")
        schema = properties[name]
    return None
