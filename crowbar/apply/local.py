"""The node that is this very host (`deploy --on-this-host`): commands are child processes."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from typing import IO, BinaryIO, cast

from crowbar.apply.transport import OUTPUT_LIMIT, Completed, Session
from crowbar.errors import NodeError


class LocalSession:
    """A child process; its stderr goes to an unnamed file, so that it never blocks."""

    def __init__(self, child: subprocess.Popen[bytes], stderr: IO[bytes]) -> None:
        self._stderr = stderr
        self.stdin = cast("BinaryIO", child.stdin)
        self.stdout = cast("BinaryIO", child.stdout)

    def close_stdin(self) -> None:
        """Close the child's stdin."""
        self.stdin.close()

    def stderr_tail(self) -> str:
        """The last 8 KiB of stderr."""
        end = self._stderr.seek(0, 2)
        self._stderr.seek(max(0, end - 8192))
        return self._stderr.read().decode(errors="replace")


class LocalTransport:
    """Runs commands on this host."""

    @contextlib.contextmanager
    def open(self, argv: Sequence[str]) -> Iterator[Session]:
        """Start a child process; it is terminated, then killed, when the context is left."""
        with tempfile.TemporaryFile() as stderr:
            try:
                child = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr)
            except OSError as error:
                raise NodeError(f"{argv[0]} does not start on this host: {error}.") from error
            try:
                yield LocalSession(child, stderr)
            finally:
                child.terminate()
                try:
                    child.communicate(timeout=10)
                except (subprocess.TimeoutExpired, ValueError, BrokenPipeError):
                    child.kill()
                    child.wait()

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60) -> Completed:
        """Run a command to its end."""
        try:
            done = subprocess.run(argv, input=stdin, capture_output=True, timeout=timeout, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NodeError(f"{argv[0]} on this host: {error}.") from error
        return Completed(
            done.returncode,
            done.stdout[:OUTPUT_LIMIT].decode(errors="replace"),
            done.stderr[:OUTPUT_LIMIT].decode(errors="replace"),
        )

    def close(self) -> None:
        """Nothing to end."""
