"""The agent as one file: it runs with nothing beside it, and is the same file for the same sources."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from crowbar.provision.discovery.archive import packed_agent


def test_runs_with_nothing_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "agent.pyz"
    file.write_bytes(packed_agent())
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
