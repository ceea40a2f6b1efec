"""What the admin node says, checked: it may be taken over, or be another one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from crowbar_inventory.agent.errors import OrderError


def text(source: Mapping[str, Any], key: str, limit: int = 4096, default: str | None = None) -> str:
    """The text there, of at most ``limit`` characters. Raises OrderError."""
    value = source.get(key, default)
    if not isinstance(value, str) or len(value) > limit or "\0" in value:
        raise OrderError(f"{key} must be a text of at most {limit} characters")
    return value


def line(source: Mapping[str, Any], key: str, pattern: str, default: str | None = None) -> str:
    """The text there, of the form ``pattern``. Raises OrderError."""
    value = text(source, key, 255, default)
    if not re.fullmatch(pattern, value):
        raise OrderError(f"{key} is not acceptable: {value!r}")
    return value


def number(source: Mapping[str, Any], key: str, low: int, high: int) -> int:
    """The whole number there. Raises OrderError."""
    value = source.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise OrderError(f"{key} must be a whole number from {low} to {high}")
    return value


def items(source: Mapping[str, Any], key: str, kind: type, limit: int = 256) -> list[Any]:
    """The list there, of things of one kind; an absent one is empty. Raises OrderError."""
    value = source.get(key, [])
    if not isinstance(value, list) or len(value) > limit or not all(isinstance(item, kind) for item in value):
        raise OrderError(f"{key} must be a list of at most {limit}")
    return value
