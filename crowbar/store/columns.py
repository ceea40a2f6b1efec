"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator

WORDS_LIMIT = 16 * 1024  # bytes; more of a message than this helps nobody, and a node could fill the disk with it

RowId = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only in an INTEGER column


def clean(text: str) -> str:
    """``text`` as every database takes it: without NUL and lone surrogates.

    What a node printed ends up here, so nothing about it is taken for granted.
    """
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def shorten(text: str, limit: int = WORDS_LIMIT) -> str:
    """``text`` itself, or its beginning and its true size, in at most ``limit`` bytes of UTF-8."""
    data = text.encode()
    if len(data) <= limit:
        return text
    mark = f" … [{len(data)} bytes]"
    return data[: limit - len(mark.encode())].decode("utf-8", "ignore") + mark


def to_json(value: Any) -> str:
    """``value`` as JSON text, its keys in the order that a person wrote them in."""
    return clean(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def limited(data: Mapping[str, Any]) -> dict[str, Any]:
    """``data`` itself, or its size where that is more than anyone would read: it comes from nodes."""
    size = len(to_json(dict(data)).encode())
    return dict(data) if size <= WORDS_LIMIT else {"dropped_bytes": size}


class Words(TypeDecorator[str]):
    """Free text, cleaned and limited in size."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002 (SQLAlchemy passes it)
        """The text as it is kept."""
        return None if value is None else shorten(clean(value))


class Json(TypeDecorator[Any]):
    """A JSON document, kept as text: never searched within, and PostgreSQL's own type would refuse some."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:  # noqa: ARG002 (SQLAlchemy passes it)
        """The document's text."""
        return to_json(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002 (SQLAlchemy passes it)
        """The document."""
        return None if value is None else json.loads(value)


class UtcTime(TypeDecorator[datetime]):
    """A moment: timezone-aware in Python, UTC in the database."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (SQLAlchemy passes it)
        """The moment in UTC.

        Raises ValueError for a time without a zone: what it means is unknown.
        """
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (SQLAlchemy passes it)
        """The moment, aware; SQLite returns it without its zone."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)
