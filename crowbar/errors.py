"""The one family of errors that a user may see; every edge translates into it once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong with an input.

    ``place`` is where it stands (``file:line`` or ``file:line attribute/path``); ``message`` says what is
    wrong and what would be right.
    """

    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class CrowbarError(Exception):
    """What went wrong, to which node and step, why, and (``hint``) what to do next."""

    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", faults: Sequence[Fault] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.faults = tuple(faults)

    def __str__(self) -> str:
        lines = [self.message, *(f"  {fault}" for fault in self.faults)]
        if self.hint:
            lines.append(f"Next: {self.hint}")
        return "\n".join(lines)


class InputError(CrowbarError):
    """The user's input is wrong: nothing was changed. All faults are reported at once."""

    exit_code = 2


class EnvironmentFault(CrowbarError):  # noqa: N818 - EnvironmentError is a name of Python's own
    """The admin host cannot do what was asked (not root, no space, a port taken, the mirror away)."""

    exit_code = 2


class NodeError(CrowbarError):
    """A node could not be reached, or did not do what was asked of it."""
