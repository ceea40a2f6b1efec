"""The last line of defence: no secret's value gets past the engine, whatever a node or a library printed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

_SHORTEST = 8  # shorter ones would blot out ordinary words; the store generates none


class Redactor:
    """Replaces the values of secrets in texts and data by asterisks."""

    def __init__(self, values: Iterable[str]) -> None:
        wanted = sorted({value for value in values if len(value) >= _SHORTEST}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, wanted))) if wanted else None

    def text(self, text: str) -> str:
        """The text without secrets."""
        return self._pattern.sub("********", text) if self._pattern else text

    def data(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The mapping with its texts, at any depth, without secrets."""
        return {self.text(str(key)): self._value(value) for key, value in data.items()}

    def _value(self, value: Any) -> Any:
        match value:
            case str():
                return self.text(value)
            case Mapping():
                return self.data(value)
            case list() | tuple():
                return [self._value(item) for item in value]
        return value
