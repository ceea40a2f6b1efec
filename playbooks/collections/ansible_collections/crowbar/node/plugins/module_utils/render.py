"""Which files a `files` task is about: its arguments checked and put into the one form that the module writes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SOURCES = ("src", "content", "copy", "b64", "link", "state")
_KEYS = frozenset((*SOURCES, "dest", "owner", "group", "mode", "extra", "vars"))
_OWNERSHIP = ("owner", "group", "mode")


def faults(index: int, entry: Any) -> list[str]:
    """What is wrong with the entry at ``index`` of `files`, in words."""
    if not isinstance(entry, Mapping):
        return [f"files[{index}]: must be a mapping"]
    place = f"files[{index}] {entry.get('dest', '')}".rstrip()
    found = [f"{place}: unknown key {key!r}" for key in sorted(set(entry) - _KEYS)]
    if not str(entry.get("dest", "")).startswith("/"):
        found.append(f"{place}: dest must be an absolute path")
    if len([key for key in SOURCES if key in entry]) != 1:
        found.append(f"{place}: exactly one of {', '.join(SOURCES)} must be given")
    if entry.get("state", "absent") not in ("directory", "absent"):
        found.append(f"{place}: state must be directory or absent")
    if entry.get("extra") and not {"src", "content"} & set(entry):
        found.append(f"{place}: extra goes with src or content")
    return found


def ownership(entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, str]:
    """Owner, group and mode of the entry, each its own or the task's default, where there is one."""
    chosen = {key: entry.get(key, defaults.get(key)) for key in _OWNERSHIP}
    return {key: str(value) for key, value in chosen.items() if value is not None}
