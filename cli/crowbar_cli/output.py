"""How things are shown: a table for people, one JSON document for programs."""

from __future__ import annotations

import io
import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from crowbar_cli.options import Settings

_MINUTE = 60
_GAP = 2  # spaces between columns
_SHORT = 24  # characters: what is no longer is not folded
_NARROWEST = 12  # characters, of a folded column


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
    """Columns under headers, each as wide as its widest cell; the last is not padded.

    On a terminal that is too narrow for it, long cells go on in the next lines of their column. What goes into a pipe
    has a line for each row.
    """
    cells = [[header.upper() for header in headers], *([printable(str(cell)) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    if sys.stdout.isatty() and (folded := _folded(cells, widths, shutil.get_terminal_size().columns)):
        return folded
    gap = " " * _GAP
    return "\n".join(
        gap.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def _folded(lines: Sequence[Sequence[str]], widths: Sequence[int], room: int) -> str:
    """The same within ``room`` characters by folding long columns; "" where that need not be, or cannot."""
    gaps = _GAP * (len(widths) - 1)
    least = sum(width if width <= _SHORT else _NARROWEST for width in widths)
    if sum(widths) + gaps <= room or least + gaps > room:
        return ""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    for header, width in zip(lines[0], widths, strict=True):
        grid.add_column(Text(header), overflow="fold", no_wrap=width <= _SHORT)
    for line in lines[1:]:
        grid.add_row(*map(Text, line))
    console = Console(width=room, file=io.StringIO(), color_system=None)
    with console.capture() as captured:
        console.print(grid)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


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
