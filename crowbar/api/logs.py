"""The log of `crowbar serve`: a line for each thing that happens, on standard output."""

from __future__ import annotations

import sys

import structlog


def begin() -> None:
    """Have all that is logged from now on written so.

    The traceback of a defect has no local variables, as structlog would show where rich is installed: a password may
    be one of them, and logs are kept.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=False),
            structlog.dev.ConsoleRenderer(
                colors=sys.stdout.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    )
