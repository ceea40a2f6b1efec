"""Reaching a machine by OpenSSH's client: is it up, and a shell in it."""

from __future__ import annotations

import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from crowbar.errors import NodeError


@dataclass(frozen=True)
class Access:
    """How a machine is reached. ``host_key`` ("ssh-ed25519 AAAA…") is pinned; ``key`` is the private key's file."""

    address: str
    key: Path
    known_hosts: Path
    port: int = 22

    def pin(self, host_key: str) -> None:
        """Write the host key down for OpenSSH's client."""
        self.known_hosts.write_text(f"{self.address} {host_key}\n", encoding="utf-8")

    def argv(self, words: Sequence[str] = (), *, tty: bool = False) -> list[str]:
        """The argument vector of ssh for a command, or a shell."""
        options = {
            "IdentityFile": self.key,
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self.known_hosts,
            "GlobalKnownHostsFile": "none",
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            "ConnectTimeout": 10,
            "LogLevel": "ERROR",
        }
        given = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        terminal = ["-t"] if tty else []
        command = [shlex.join(words)] if words else []
        return ["ssh", "-F", "none", *given, "-p", str(self.port), *terminal, f"root@{self.address}", *command]

    def shell(self, words: Sequence[str] = ()) -> int:
        """Run a command, or a shell, on our own terminal; its exit status."""
        return subprocess.run(self.argv(words, tty=sys.stdin.isatty()), check=False).returncode

    def run(self, words: Sequence[str]) -> str:
        """What the command printed. Raises NodeError if it fails."""
        done = subprocess.run(self.argv(words), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise NodeError(f"`{shlex.join(words)}` failed on {self.address}: {(done.stderr or done.stdout).strip()}")
        return done.stdout

    def wait(self, alive: Callable[[], bool], timeout: float) -> None:
        """Return when SSH lets us in. Raises NodeError after ``timeout`` seconds, or at once if not ``alive``."""
        until = time.monotonic() + timeout
        while True:
            if self._greets() and subprocess.run(self.argv(["true"]), capture_output=True, check=False).returncode == 0:
                return
            if not alive():
                raise NodeError(f"The machine at {self.address} stopped while it started.")
            if time.monotonic() > until:
                raise NodeError(f"The machine at {self.address} did not answer to SSH within {timeout:.0f} s.")
            time.sleep(0.1)

    def _greets(self) -> bool:
        try:
            with socket.create_connection((self.address, self.port), timeout=1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False
