"""What only the failing node knows is fetched while it is fresh, and kept with the step: its services' journal."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from crowbar.apply.model import Applier
from crowbar.engine.redact import Redactor
from crowbar.store.model import Event, StepRow, StepStatus

if TYPE_CHECKING:
    from crowbar.services.context import Context

JOURNAL = "step.journal"
_LINES, _LONGEST, _BYTES = 60, 400, 12_000  # of a journal: lines, characters of one, and of all together
_MOST_STEPS = 20  # of one deployment: where more fail, they mostly fail alike


def keep_journals(context: Context, applier: Applier, rows: Sequence[StepRow]) -> None:
    """Write the journals of the failed steps' services to their events. What cannot be had is left out."""
    redactor = Redactor(context.store.secrets.values())
    failed = [row for row in rows if row.status is StepStatus.FAILED][:_MOST_STEPS]
    nodes = {node.name: node for node in context.store.nodes.list()}

    def journal(row: StepRow) -> str:
        node, units = nodes.get(row.node), _units(context, row)
        return bounded(applier.journal(node, units, row.started)) if node and units else ""

    with ThreadPoolExecutor(max_workers=8) as pool:
        found = list(pool.map(journal, failed))
    events = [
        Event(row.deployment, row.id, datetime.now(UTC), JOURNAL, redactor.text(text))
        for row, text in zip(failed, found, strict=True)
        if text
    ]
    context.store.events.append(events)


def _units(context: Context, row: StepRow) -> Sequence[str]:
    barclamp = context.catalog.find(row.barclamp)
    role = barclamp.roles.get(row.role) if barclamp else None
    return role.units if role else ()


def bounded(text: str) -> str:
    """The last lines of what a node printed, without control characters, each and all of them cut."""
    lines = [
        "".join(" " if unicodedata.category(char).startswith("C") else char for char in line[:_LONGEST])
        for line in text[-4 * _BYTES :].splitlines()[-_LINES:]
    ]
    while lines and sum(map(len, lines)) > _BYTES:
        lines.pop(0)
    return "\n".join(lines)
