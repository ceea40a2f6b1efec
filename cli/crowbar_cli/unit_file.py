"""The systemd unit that ships, filled in for this installation."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from crowbar.errors import InputError

_TEMPLATE = Path(__file__).with_name("units") / "crowbar-serve.service"
_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 (named, not written to)
_SHARED_TMP = "PrivateTmp=no\nReadWritePaths=/tmp"
_SPECIAL = frozenset(" \t\n\"'\\%$;")


def serve_unit(state: Path) -> str:
    """The unit for `crowbar serve` with that state folder.

    Raises InputError for a path that a unit cannot have as it is.
    """
    program = own_program()
    for path in (program, state):
        if _SPECIAL.intersection(str(path)):
            raise InputError(f"{str(path)!r} cannot be in a systemd unit.", hint="Use a path without such characters.")
    # A checkout that is tried out in /tmp would not see itself there.
    in_sight = any(path.is_relative_to(folder) for path in (program, state) for folder in _TEMPORARY)
    filled = {"@CROWBAR@": str(program), "@STATE@": str(state), "@TMP@": _SHARED_TMP if in_sight else "PrivateTmp=yes"}
    text = _TEMPLATE.read_text(encoding="utf-8")
    for mark, value in filled.items():
        text = text.replace(mark, value)
    return text


def own_program() -> Path:
    """The `crowbar` that this is: beside its Python, else as it was called, else as PATH has it."""
    beside = Path(sys.executable).with_name("crowbar")
    found = beside if beside.is_file() else Path(shutil.which(sys.argv[0]) or shutil.which("crowbar") or sys.argv[0])
    return found.absolute()
