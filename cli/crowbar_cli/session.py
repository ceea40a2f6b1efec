"""A command's way to the state: opened for it, closed after it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crowbar_cli.options import Settings
from crowbar_cli.output import note

if TYPE_CHECKING:
    from crowbar.services.context import Context


@contextlib.contextmanager
def opened(settings: Settings, *, warn: bool = True) -> Iterator[Context]:
    """The store and the catalog. What is wrong with a barclamp is told, and does not keep the others from working."""
    from crowbar.services.context import open_context

    with open_context(settings.state) as context:
        if warn:
            for fault in context.catalog_faults:
                note(f"crowbar: warning: {fault}")
        yield context
