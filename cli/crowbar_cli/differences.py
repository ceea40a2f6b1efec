"""What a plan's steps would change on their nodes, for people."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

import click

from crowbar_cli.output import note

if TYPE_CHECKING:
    from crowbar.apply.model import Rehearsed
    from crowbar.engine.plan import Plan
    from crowbar_cli.nodes import Preview

_COLOURS = {"+": "green", "-": "red", "@": "cyan"}


def rehearsed(preview: Preview, made: Plan, absent: Collection[str]) -> list[Rehearsed]:
    """Ask the nodes; Ctrl-C ends that, and what is known by then is given."""
    from crowbar.services.differences import differences
    from crowbar_cli.interrupt import cancelling

    cancel = threading.Event()
    with cancelling(cancel, note):
        return differences(preview.context, made, preview.proposals, absent, cancel=cancel, say=note)


def tell(found: Sequence[Rehearsed], absent: Collection[str]) -> None:
    """Print it, step by step."""
    for one in found:
        click.echo(f"\n{one.key}")
        for line in _lines(one):
            click.echo(f"  {line}")
    if absent:
        click.echo(f"\nTo {', '.join(sorted(absent))} all is new: there is no system yet to compare with.")


def _lines(one: Rehearsed) -> Iterator[str]:
    count = len(one.diffs)
    for diff in one.diffs:
        yield from (click.style(line, fg=_COLOURS.get(line[:1])) for line in diff.splitlines())
    if not count:
        yield from one.paths
    for what, names in (("installs", one.packages), ("runs", one.commands), ("changes", one.others)):
        if names:
            yield f"{what}: {', '.join(names)}"
    yield from one.services
    if one.error:
        yield f"what more it would change cannot be seen now: {one.error.splitlines()[0]}"
    elif not any((one.paths, one.packages, one.commands, one.others, one.services)):
        yield "changes nothing"
