"""Writing files so that a reader, or a node that is killed, sees the old or the new one whole."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


def write(path: Path, content: bytes, mode: int = 0o644, uid: int = -1, gid: int = -1) -> None:
    """Put ``content`` at ``path`` in one step, with its mode and owner (numbers; -1 leaves the process's own)."""
    with _beside(path) as temporary:
        with temporary.open("wb") as stream:
            stream.write(content)
            os.fchown(stream.fileno(), uid, gid)
            os.fchmod(stream.fileno(), mode)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)


def link(path: Path, target: str) -> None:
    """Put a symbolic link to ``target`` at ``path`` in one step."""
    with _beside(path) as temporary:
        temporary.unlink()
        temporary.symlink_to(target)
        temporary.replace(path)


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A new file, readable by nobody else, in ``path``'s folder; it is gone afterwards."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
