"""The `crowbar` command on a state folder, as a user runs it: for tests of real machines, and for benchmarks."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from crowbar.paths import StateDir
from crowbar.services.context import open_context


@dataclass
class Command:
    """The command. What it says on stderr goes where the caller's own goes."""

    state: StateDir
    limit: float = 1500.0  # seconds of one command; an idle host needs a tenth of it

    def argv(self, *words: str) -> list[str]:
        """The command line."""
        return [str(Path(sys.executable).with_name("crowbar")), "--state-dir", str(self.state.root), *words]

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Begin a command."""
        return subprocess.Popen(self.argv(*words), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)

    def run(self, *words: str, status: int = 0) -> str:
        """Run a command to its end, which must be ``status``; its stdout."""
        with self.start(*words) as process:
            try:
                output, _ = process.communicate(timeout=self.limit)
            except BaseException:
                process.kill()
                raise
        assert process.returncode == status, output[-3000:]
        return output

    def json(self, *words: str, status: int = 0) -> Any:
        """Run a command with --output json."""
        return json.loads(self.run(*words, "--output", "json", status=status))

    def machines(self) -> dict[str, dict[str, Any]]:
        """`crowbar machines list`, by name."""
        return {one["machine"]["name"]: one for one in self.json("machines", "list")["machines"]}

    def wait_for(self, state: str) -> dict[str, dict[str, Any]]:
        """Until all machines are in that state; their timelines are told if one does not get there."""
        deadline = time.monotonic() + self.limit
        # By the store itself: the command, again and again, takes emulated machines a third of the host.
        with open_context(self.state) as context:
            while {view.state for view in context.store.machines.list(hardware=False)} != {state}:
                if time.monotonic() > deadline:
                    pytest.fail("\n".join(self.run("machines", "show", n, "--timeline") for n in self.machines()))
                time.sleep(0.5)
        return self.machines()

    def phases(self, name: str) -> dict[str, float]:
        """Seconds from a machine's first power order to each state that it came to."""
        begun = None
        reached = {}
        for event in self.json("machines", "show", name, "--timeline")["timeline"]:
            at = datetime.fromisoformat(event["at"])
            if event["kind"] == "bmc.power" and begun is None:
                begun = at
            if event["kind"] == "state.changed" and begun is not None:
                reached[event["data"]["to"]] = (at - begun).total_seconds()
        return reached

    @contextmanager
    def serving(self, log: Path) -> Iterator[subprocess.Popen[bytes]]:
        """While inside, `crowbar serve` runs, and says what it says to ``log``."""
        with log.open("wb") as output:
            process = subprocess.Popen(self.argv("serve"), stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + self.limit
            while "Serving" not in log.read_text():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)

    def forget(self) -> None:
        """Take the rack away, and all that is known; the images stay."""
        subprocess.run(self.argv("rack", "down", "--yes"), check=True, capture_output=True)
        for path in self.state.root.glob("crowbar.db*"):
            path.unlink()
