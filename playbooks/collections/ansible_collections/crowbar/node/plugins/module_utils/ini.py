"""Setting options in INI text without touching the rest of it."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SECTION = re.compile(r"\s*\[(?P<name>[^]]+)\]\s*$")
_OPTION = re.compile(r"(?P<name>[^\s=:#;][^=:]*?)\s*[=:]")
Scalar = str | int | float | bool


def merge(text: str, settings: Mapping[str, Mapping[str, Scalar]]) -> str:
    """The INI ``text`` with the options of ``settings`` (section -> option -> value) replaced, or added.

    A replaced option loses its other lines (a repeated option, a continuation line). Section ``""`` is what
    stands before the first section.
    """
    pending = {section: dict(options) for section, options in settings.items()}
    result: list[str] = []
    for name, lines in _sections(text):
        options = pending.pop(name, {})
        result.extend(_with_options(lines, options))
    for name, options in pending.items():
        if options:
            result.extend(["", f"[{name}]", *_rendered(options)])
    return "\n".join(result).strip("\n") + "\n"


def _sections(text: str) -> list[tuple[str, list[str]]]:
    sections: list[tuple[str, list[str]]] = [("", [])]
    for line in text.splitlines():
        heading = _SECTION.match(line)
        if heading:
            sections.append((heading["name"], []))
        sections[-1][1].append(line)
    return sections


def _with_options(lines: list[str], options: Mapping[str, Scalar]) -> list[str]:
    kept: list[str] = []
    replaced = False
    for line in lines:
        option = _OPTION.match(line)
        continues = line[:1].isspace() and bool(line.strip())
        replaced = bool(option and option["name"] in options) or (replaced and continues)
        if not replaced:
            kept.append(line)
    body = len(kept)
    while body and not kept[body - 1].strip():
        body -= 1
    return [*kept[:body], *_rendered(options), *kept[body:]]


def _rendered(options: Mapping[str, Scalar]) -> list[str]:
    return [
        f"{name} = {'true' if value is True else 'false' if value is False else value}"
        for name, value in options.items()
    ]
