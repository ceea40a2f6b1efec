"""Chooses how progress is shown."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from crowbar_cli.options import Settings
from crowbar_cli.output import printable_lines

if TYPE_CHECKING:
    from crowbar_cli.progress.live import LiveWatcher
    from crowbar_cli.progress.plain import PlainWatcher


def open_watcher(settings: Settings) -> LiveWatcher | PlainWatcher:
    """A tree on a terminal, plain lines elsewhere; on standard error where standard output carries JSON."""
    stream = sys.stderr if settings.json else sys.stdout
    if stream.isatty():
        from rich.console import Console

        from crowbar_cli.progress.live import LiveWatcher

        console = Console(file=stream)
        if not console.is_dumb_terminal:
            return LiveWatcher(console)
    from crowbar_cli.progress.plain import PlainWatcher

    return PlainWatcher(lambda text: click.echo(printable_lines(text), err=settings.json))
