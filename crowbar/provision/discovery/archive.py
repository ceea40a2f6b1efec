"""The agent as one file: an archive of its modules, which `python3 FILE` runs (PEP 441)."""

from __future__ import annotations

import io
import subprocess
import zipfile
from pathlib import Path

import crowbar_inventory.agent
from crowbar.errors import EnvironmentFault

_COMPILE = Path(__file__).parent / "files" / "compile.py"
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


def compiled(archive: bytes, root: Path) -> bytes:
    """The archive with the code beside its modules, for the Python of that root. Raises EnvironmentFault."""
    argv = ["chroot", str(root), "python3", "-I", "-S", "-c", _COMPILE.read_text(encoding="utf-8")]
    done = subprocess.run(argv, input=archive, capture_output=True, check=False)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise EnvironmentFault(f"The discovery system's Python cannot compile the agent: {said}")
    return done.stdout
