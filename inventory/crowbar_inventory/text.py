"""Text that a stranger's hardware gives: made safe to keep and to show, and told from what means nothing."""

from __future__ import annotations

import re
from typing import Any

LIMIT = 256  # characters of one text

# Line and paragraph separators too, and what turns the direction of writing: a log or a terminal obeys them.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffd]+")
_SPACES = re.compile(r"\s+")
_NO_LETTERS = re.compile(r"[\W_]+")
_ONE_CHARACTER = re.compile(r"(.)\1{3,}|0+|x+")  # "........", "0", "XXXXXXX"
_COUNTED = ("01234567890123456789", "12345678901234567890")  # "0123456789", and as much of it as fitted
_COUNTED_SHORTEST = 5

# What boards say where nobody filled the field in, without case, blanks and punctuation.
_PLACEHOLDERS = re.compile(
    "(to be |not )?(filled|be filled)( by)?( oem| vendor)?"
    "|(default|bad|invalid|null|empty|unknown|undefined|unspecified|out of spec|oem|none|na)( string| index)?"
    "|(i n )?not? (asset information|asset tag|dimm|specified|present|provided|set|supported|applicable)"
    "|(i n )?not available( na)?"
    "|(enter |system |chassis |base board |product )*(serial( number)?|sn|asset tag|part number)"
    "|(system )?(manufacturer|product name|version)".replace(" ", "")
)


def one_line(value: Any, limit: int = LIMIT) -> str:
    """The value as one line of at most ``limit`` characters that every file and database takes; "" if it is no text."""
    if not isinstance(value, str):
        return ""
    # Half a surrogate pair is what JSON's escapes allow and no encoding does.
    text = value[: limit * 8].encode("utf-8", "replace").decode("utf-8")
    return _SPACES.sub(" ", _CONTROL.sub(" ", text)).strip()[:limit].rstrip()


def told(value: Any, limit: int = LIMIT) -> str:
    """As `one_line`, but "" also for the fillers that mean "nobody wrote anything here"."""
    text = one_line(value, limit)
    bare = _NO_LETTERS.sub("", text).lower()
    counted = len(bare) >= _COUNTED_SHORTEST and any(row.startswith(bare) for row in _COUNTED)
    if not bare or _PLACEHOLDERS.fullmatch(bare) or counted or _ONE_CHARACTER.fullmatch(bare):
        return ""
    return text
