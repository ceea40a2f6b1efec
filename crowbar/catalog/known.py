"""Schemas that were found faultless before: to check all of them again takes longer than most commands' own work."""

from __future__ import annotations

import contextlib
import os
from importlib.metadata import version
from pathlib import Path
from typing import Any

from crowbar.catalog import digest, schema


class Known:
    """Which schemas are known to have no fault, by their content. It is kept in a file, which may be lost at any time.

    What it knows is forgotten when the rules, or the library that checks them, are others.
    """

    def __init__(self, path: Path) -> None:
        """Read what ``path`` holds; nothing, if it cannot be read."""
        self._path = path
        self._rules = digest.of_value([digest.of_file(Path(schema.__file__)), version("jsonschema")])
        self._seen: set[str] = set()
        try:
            rules, *known = path.read_text(encoding="ascii").splitlines()
        except (OSError, ValueError):
            rules, known = "", []
        self._known = frozenset(known) if rules == self._rules else frozenset[str]()

    def has(self, data: Any) -> bool:
        """Whether this schema was found faultless before."""
        if (name := digest.of_value(data)) not in self._known:
            return False
        self._seen.add(name)
        return True

    def add(self, data: Any) -> None:
        """Note that this schema has no fault."""
        self._seen.add(digest.of_value(data))

    def save(self) -> None:
        """Keep what was asked for or added since it was read, and nothing else; it is no fault if that cannot be."""
        if self._seen == self._known:
            return
        text = "\n".join([self._rules, *sorted(self._seen), ""])
        partial = self._path.with_name(f"{self._path.name}.{os.getpid()}")  # whole or not at all, whoever else writes
        try:
            partial.write_text(text, encoding="ascii")
            partial.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                partial.unlink()
