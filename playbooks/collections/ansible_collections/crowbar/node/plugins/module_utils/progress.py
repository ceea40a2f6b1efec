# Copyright: Crowbar developers
# SPDX-License-Identifier: Apache-2.0
"""What a module says while it works, to whoever listens: a module's result comes only at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LONGEST = 300  # characters of a line
Listener = Callable[[str], None]


def nobody(_text: str) -> None:
    """Who hears a module that Ansible runs in a process of its own."""


_listeners: list[Listener] = [nobody]


def tell(text: str) -> None:
    """Say one line."""
    _listeners[-1](text[:_LONGEST])


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    """While inside, what is told goes there, by the thread that tells it."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.pop()
