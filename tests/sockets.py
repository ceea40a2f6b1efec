"""What this process has open to somebody."""

from __future__ import annotations

import os
import subprocess
import time


def connections_to(address: str, patience: float = 5) -> list[str]:
    """Those of this process to that address that are still open after ``patience`` seconds, as `ss` lists them."""
    deadline = time.monotonic() + patience
    while True:
        listed = subprocess.run(["ss", "-Htnp", "dst", address], capture_output=True, text=True, check=True).stdout
        found = [line for line in listed.splitlines() if f"pid={os.getpid()}," in line]
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.1)
