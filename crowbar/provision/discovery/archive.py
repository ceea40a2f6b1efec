"""The agent as one file: an archive of its modules, which `python3 FILE` runs (PEP 441)."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import crowbar_inventory.agent

_SOURCE = Path(crowbar_inventory.agent.__file__).parent
_PACKAGE = "crowbar_inventory"
_ALWAYS = (1980, 1, 1, 0, 0, 0)  # the archive's digest tells of its content alone


def packed_agent() -> bytes:
    """The archive; the same bytes for the same sources."""
    modules = {f"{_PACKAGE}/agent/{path.name}": path.read_bytes() for path in sorted(_SOURCE.glob("*.py"))}
    modules["__main__.py"] = modules.pop(f"{_PACKAGE}/agent/__main__.py")
    modules[f"{_PACKAGE}/__init__.py"] = b""  # the rest of that package stays at home
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in modules.items():
            archive.writestr(zipfile.ZipInfo(name, _ALWAYS), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
