"""Digests of files: what a step's identity is made of. Owners, modes and times do not count, names and content do."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_IGNORED = {"__pycache__", ".ansible", "tests"}  # what a bundle leaves out, too


def of_value(value: Any) -> str:
    """Of plain data (what JSON can hold), independent of the order of keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def of_file(path: Path) -> str:
    """Of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def of_folder(path: Path) -> str:
    """Of all files below a folder: their relative names and content."""
    return _of_files(path, _files(path))


def of_each(path: Path) -> dict[str, str]:
    """Of each file below a folder, by its relative name."""
    return {str(file.relative_to(path)): _of_files(path, [file]) for file in sorted(_files(path))}


def of_shared(playbooks: Path) -> str:
    """Of what every step is applied with: the collection and the play templates in ``playbooks``."""
    collection = playbooks / "collections"
    return of_value([of_folder(collection), _of_files(playbooks, playbooks.glob("*.j2"))])


def _of_files(root: Path, files: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for file in sorted(files):
        content = file.read_bytes()  # of a link, what it leads to: that is what a node is sent
        name = str(file.relative_to(root)).encode()
        # Lengths stand first, so that no two sets of files make the same stream.
        found.update(b"%d %d " % (len(name), len(content)) + name + content)
    return found.hexdigest()


def _files(root: Path) -> Iterable[Path]:
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in _IGNORED]
        yield from (Path(folder, name) for name in files if not name.endswith(".pyc"))
