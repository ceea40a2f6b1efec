"""Small files and programs, of which none may hold the agent up."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from crowbar_inventory.agent.errors import OrderError

TEXT_LIMIT = 1 << 20  # of one program's output: all together must stay below what the admin node takes


def contents(path: str | Path) -> str:
    """A small file's text without its line end; "" where it cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return file.read(TEXT_LIMIT).decode("utf-8", "replace").strip().strip("\0")
    except OSError:
        return ""


def run(argv: Sequence[str], patience: float = 30.0, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program to its end. One that is missing, or takes too long, comes back as failed."""
    try:
        return subprocess.run(
            argv,
            input=given,
            timeout=patience,
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(argv, 1, "", str(error))


def must(argv: Sequence[str], given: str = "", patience: float = 60.0) -> str:
    """Run a program that must succeed; its output. Raises OrderError with what it said."""
    done = run(argv, patience, given)
    if done.returncode != 0:
        raise OrderError(f"{argv[0]} failed: {(done.stderr or done.stdout).strip()[-300:] or done.returncode}")
    return done.stdout
