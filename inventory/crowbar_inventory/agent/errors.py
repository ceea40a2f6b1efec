"""What can go wrong, and whom it concerns."""

from __future__ import annotations


class OrderError(Exception):
    """An order cannot be carried out; the text is for the operator."""


class DamagedError(OrderError):
    """The image did not arrive as it is; another try may do."""


class AbsentError(DamagedError):
    """Nobody was there to send the image, or to go on with it: the admin node is being restarted, say."""


class UnreachableError(Exception):
    """The admin node does not answer, or answers what it should not."""


class SessionOverError(Exception):
    """The admin node does not know this session any more."""
