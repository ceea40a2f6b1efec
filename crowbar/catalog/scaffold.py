"""`barclamps new NAME`: a folder with a small barclamp that works, lints clean, and explains itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from crowbar.errors import EnvironmentFault, InputError

_FILES = Path(__file__).parent / "scaffold_files"
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST = 30


def scaffold(name: str, place: Path) -> Path:
    """Write the folder ``place``/``name`` and return it.

    Raises InputError if the name is not allowed or the folder is there, EnvironmentFault if it cannot be written.
    """
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise InputError(
            f"{name!r} cannot be a barclamp's name.",
            hint=f"Lower-case letters, digits and single underscores, a letter first, at most {_LONGEST} in all.",
        )
    folder = place / name
    if folder.exists():
        raise InputError(f"{folder} is there already.", hint="Choose another name, or another folder.")
    try:
        for path, text in _rendered(name):
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
    except OSError as error:
        raise EnvironmentFault(
            f"{folder} cannot be written: {error.strerror}.", hint="Choose another folder."
        ) from error
    return folder


def _rendered(name: str) -> Iterator[tuple[str, str]]:
    """Each file's path and text. Not Jinja: what is written is full of it."""
    dashed = name.replace("_", "-")
    values = {"__name__": name, "__name_dashed__": dashed, "__role__": f"{name}_server"}

    def filled(text: str) -> str:
        for word, value in values.items():
            text = text.replace(word, value)
        return text

    # Where our modules are compiled, what looks like one of them is compiled, too.
    for file in sorted(path for path in _FILES.rglob("*") if path.is_file() and path.suffix != ".pyc"):
        yield filled(str(file.relative_to(_FILES))), filled(file.read_text())
