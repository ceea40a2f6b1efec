"""`crowbar explain`: why a step failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from crowbar_cli.options import Settings, common
from crowbar_cli.output import printable_lines, show_json
from crowbar_cli.session import opened

if TYPE_CHECKING:
    from crowbar.services.cards import Card

_SHORT = 4  # lines of each part, on a card that nobody asked for


@click.command(short_help="Why a step failed, and what to do.")
@click.argument("step", required=False)
@click.option("--deployment", type=int, help="Of this deployment.  [default: the last]")
@common
@click.pass_obj
def explain(settings: Settings, step: str | None, deployment: int | None) -> None:
    """Show the error card of STEP, or of every step that failed.

    A card has what the step printed, the journal of its services, how its machine came there, the likely cause, and
    what to do next. It is kept with the deployment: the node need not be there any more.

    \b
    Example:  crowbar explain nova/nova-compute@node2
    Next:     crowbar deploy --resume, when it is mended
    """
    from crowbar.services.cards import cards
    from crowbar.services.cards.make import find

    with opened(settings) as context:
        found = cards(context, deployment) if step is None else [find(context, step, deployment)]
    if settings.json:
        show_json({"cards": found})
    elif not found:
        click.echo("No step failed in that deployment.")
    for card in [] if settings.json else found:
        click.echo(printable_lines("\n".join(lines(card))))


def lines(card: Card, *, short: bool = False) -> Iterator[str]:
    """The card as lines of text; a ``short`` one has the most telling lines only."""
    yield f"{card.step} failed" + (f" in its task '{card.task}'" if card.task else "")
    yield from _part("error", card.error, short)
    yield from _part("journal", card.journal, short)
    if not short:
        yield from _part("timeline", card.timeline, short)
    if card.cause:
        yield f"  likely cause: {card.cause}"
    yield f"  next: {card.next}"
    if short:
        yield f"  all of it: crowbar explain {card.step}"


def _part(title: str, of: Sequence[str], short: bool) -> Iterator[str]:
    shown = of[-_SHORT:] if short else of
    if shown:
        yield f"  {title}:"
        yield from (f"    {line}" for line in shown)
