"""Questions that a person must answer before something is done that cannot be taken back."""

from __future__ import annotations

import sys

import click

from crowbar.errors import CrowbarError, InputError


def agree(question: str) -> None:
    """Ask; return if the answer is yes.

    Raises CrowbarError if it is no, InputError where nobody can be asked, click.Abort for Ctrl-C.
    """
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        if sys.stdin.isatty():
            raise
        raise InputError(
            "Nobody can be asked here; nothing was changed.", hint="Agree beforehand with --yes."
        ) from None
    if not agreed:
        raise CrowbarError("Nothing was changed.")
