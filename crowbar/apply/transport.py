"""How a command gets to a node: over SSH, or, where the node is this host, as a child process."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol


@dataclass(frozen=True)
class Completed:
    """A command that ended: its exit status and what it printed (at most `OUTPUT_LIMIT` bytes of each)."""

    status: int
    stdout: str
    stderr: str


OUTPUT_LIMIT = 1 << 20


class Session(Protocol):
    """A running command with its streams."""

    stdin: BinaryIO
    stdout: BinaryIO

    def close_stdin(self) -> None:
        """Tell the command that there is no more input."""

    def stderr_tail(self) -> str:
        """The last of what the command printed on stderr."""


class Transport(Protocol):
    """A way to run commands on one node. Every method raises NodeError when the node cannot be reached."""

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60) -> Completed:
        """Run a command to its end; ``timeout`` is in seconds."""

    def open(self, argv: Sequence[str]) -> AbstractContextManager[Session]:
        """Start a command and talk to it; leaving the context closes its streams."""

    def close(self) -> None:
        """End the connection."""
