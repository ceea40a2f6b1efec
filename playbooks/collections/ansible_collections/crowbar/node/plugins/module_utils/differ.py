# Copyright: Crowbar developers
# SPDX-License-Identifier: Apache-2.0
"""What becomes different in a file, as text for people."""

from __future__ import annotations

import base64
import difflib
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

_MOST_LINES = 400
_MOST_BYTES = 256 << 10  # of a file; a larger one is only named


class Seen(NamedTuple):
    """What is at a path: what it is ("", "file", "link", "directory", "other"), its content or target, and its mode."""

    kind: str
    content: bytes
    mode: int


def seen(path: str) -> Seen:
    """What is there now."""
    one = Path(path)
    if one.is_symlink():
        return Seen("link", str(one.readlink()).encode(), 0)
    if not one.exists():
        return Seen("", b"", 0)
    mode = stat.S_IMODE(one.stat().st_mode)
    if one.is_dir():
        return Seen("directory", b"", mode)
    return Seen("file", one.read_bytes(), mode) if one.is_file() else Seen("other", b"", mode)


def text(entry: Mapping[str, Any], before: Seen) -> str:
    """What the entry of the module makes of what was ``before`` there: a unified diff, or a line that says it."""
    path = entry["dest"]
    if entry["state"] == "absent":
        return _unified(path, before.content, b"") if before.kind == "file" else f"{path}: {before.kind} is removed\n"
    if entry["link"] is not None:
        return f"{path}: link to {entry['link']}\n"
    if entry["state"] == "directory":
        return f"{path}: {'owner and mode' if before.kind == 'directory' else 'new directory'}\n"
    after = base64.b64decode(entry["b64"] or "")
    if before.kind == "file" and before.content == after:
        return f"{path}: owner or mode ({before.mode:04o} now)\n"
    return _unified(path, before.content, after, new=before.kind != "file")


def unified(path: str, before: str | None, after: str | None) -> str:
    """What becomes different in a text; None where there is no such file."""
    return _unified(path, (before or "").encode(), (after or "").encode(), new=before is None)


def _unified(path: str, before: bytes, after: bytes, *, new: bool = False) -> str:
    if max(len(before), len(after)) > _MOST_BYTES or b"\0" in before + after:
        return f"{path}: {len(before)} bytes become {len(after)}\n"
    old, now = (content.decode(errors="replace").splitlines(keepends=True) for content in (before, after))
    name = path.lstrip("/")
    lines = list(difflib.unified_diff(old, now, "/dev/null" if new else f"a/{name}", f"b/{name}"))
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], f"({len(lines) - _MOST_LINES} more lines)\n"]
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)
