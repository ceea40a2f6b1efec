"""How things are shown: a table for people, one JSON document for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from crowbar_cli.options import Settings

_MINUTE = 60


def as_plain(value: Any) -> Any:
    """``value`` as JSON knows it: dataclasses as objects, times in ISO 8601, paths and enums as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return as_plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): as_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_plain(item) for item in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    return value


def show_json(value: Any) -> None:
    """Print one JSON document on standard output."""
    click.echo(json_text(value, indent=2))


def json_text(value: Any, indent: int | None = None) -> str:
    """``value`` as JSON; what would not be printed as itself stands in it as its number."""
    text = json.dumps(as_plain(value), indent=indent, ensure_ascii=False)
    return "".join(char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1] for char in text)


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns under headers, each as wide as its widest cell; the last is not padded."""
    cells = [[printable(str(cell)) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [list(headers), *cells]) for column in range(len(headers))]
    lines = [[header.upper() for header in headers], *cells]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def show(
    settings: Settings, document: Any, headers: Sequence[str], rows: Sequence[Sequence[object]], empty: str = ""
) -> None:
    """Show ``document`` as JSON, or ``rows`` as a table; ``empty`` is what a person reads where there are none."""
    if settings.json:
        show_json(document)
    elif rows:
        click.echo(table(headers, rows))
    else:
        note(empty)


def note(text: str) -> None:
    """Tell a person something, on standard error: it never mixes with what a program reads."""
    if text:
        click.echo(printable_lines(text), err=True)


def printable(text: str) -> str:
    """Without what could move the cursor, colour the terminal or name its window: a machine may have said it."""
    return "".join(char if char.isprintable() else " " for char in text)


def printable_lines(text: str) -> str:
    """The same of several lines."""
    return "\n".join(map(printable, text.split("\n")))


def seconds(value: float) -> str:
    """A duration for people: ``8.2 s`` below a minute, then ``2:05`` or ``1:02:05``."""
    if value < _MINUTE:
        return f"{value:.1f} s"
    hours, rest = divmod(round(value), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def when(moment: datetime | None) -> str:
    """A time for people: UTC to the second, or a dash."""
    return moment.strftime("%Y-%m-%d %H:%M:%S") if moment else "-"
