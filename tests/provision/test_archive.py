"""The agent as one file: it runs with nothing beside it, and is the same file for the same sources."""

from __future__ import annotations

import io
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from crowbar.provision.discovery import spec
from crowbar.provision.discovery.archive import packed_agent


def compiled(archive: bytes) -> bytes:
    """For the Python of these tests."""
    argv = [sys.executable, "-I", "-S", str(spec.FILES / "compile.py")]
    return subprocess.run(argv, input=archive, stdout=subprocess.PIPE, check=True).stdout


@pytest.mark.parametrize("form", [bytes, compiled])
def test_runs_with_nothing_beside_it(tmp_path: Path, form: Callable[[bytes], bytes]) -> None:
    file = tmp_path / "agent.pyz"
    file.write_bytes(form(packed_agent()))
    # As the discovery system starts it. It never ends by itself: what it lacks is said, and asked for again.
    argv = [sys.executable, "-I", "-S", str(file), "crowbar.machine=none"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path) as process:
        try:
            assert process.stdout is not None
            said = process.stdout.readline()
        finally:
            process.kill()
    assert "no crowbar.url=http://ADDRESS:PORT was given" in said


def test_the_same_sources_are_the_same_file() -> None:
    assert packed_agent() == packed_agent()


def test_modules_are_not_compiled_again(tmp_path: Path) -> None:
    file = tmp_path / "agent.pyz"
    with (
        zipfile.ZipFile(io.BytesIO(compiled(packed_agent()))) as given,
        zipfile.ZipFile(file, "w") as broken,
    ):
        for name in given.namelist():  # its modules as they are, with sources that nobody can compile
            broken.writestr(name, given.read(name) if name.endswith(".pyc") else b"(")
    script = f"import sys; sys.path.insert(0, {str(file)!r}); from crowbar_inventory.agent import main; print(main)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True)
    assert str(file) in done.stdout
