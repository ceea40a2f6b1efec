"""What a rack leaves on the host; and looking on while it boots."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from crowbar.rack.virtual import RackRecord, load

_ALL = 0x0003  # ETH_P_ALL


def traces(folder: Path, tag: str) -> list[str]:
    """All that there is on the host of the rack in ``folder``; other racks and machines may come and go meanwhile."""
    commands = (
        ["ip", "-br", "link"],
        ["ip", "netns"],
        ["ip", "route"],
        ["ip", "-6", "route"],
        ["nft", "list", "ruleset"],
    )
    printed = [subprocess.run(argv, capture_output=True, text=True, check=True).stdout for argv in commands]
    lines = [line for text in (*printed, Path("/proc/mounts").read_text()) for line in text.splitlines()]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            lines.append(f"{process / 'cmdline'} {(process / 'cmdline').read_text()} in {(process / 'cwd').readlink()}")
        except (OSError, UnicodeDecodeError):  # it has ended since
            continue
    found = [line for line in lines if tag in line or str(folder) in line]
    return [*found, *([str(folder)] if folder.exists() else [])]


def ipmi(folder: Path, name: str, *words: str, password: str = "", code: int = 0) -> str:
    """What ipmitool says; the password goes by its environment."""
    bmc = load(folder).machine(name).bmc
    argv = ["ipmitool", "-I", "lanplus", "-C", "3", "-H", bmc.address, "-U", bmc.username, "-E", "-N", "5", *words]
    environment = {**os.environ, "IPMITOOL_PASSWORD": password or bmc.password}
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120, env=environment)
    assert (done.returncode == 0) == (code == 0), f"{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


@dataclass
class Session:
    """ipmitool on a machine's console; ``seen`` is what it showed, known in the end."""

    process: subprocess.Popen[bytes]
    seen: bytes = b""

    def type(self, keys: bytes) -> None:
        """Press keys."""
        assert self.process.stdin
        self.process.stdin.write(keys)
        self.process.stdin.flush()


@contextmanager
def sol(folder: Path, name: str) -> Iterator[Session]:
    """A machine's console over IPMI, while the block runs."""
    bmc = load(folder).machine(name).bmc
    words = ["ipmitool", "-I", "lanplus", "-C", "3", "-H", bmc.address, "-U", bmc.username, "-E", "sol", "activate"]
    argv = ["script", "--quiet", "--return", "--command", " ".join(words), "/dev/null"]  # it wants a terminal
    environment = {**os.environ, "IPMITOOL_PASSWORD": bmc.password}
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, env=environment) as process:
        session = Session(process)
        try:
            yield session
        finally:
            session.type(b"\r~.")
            process.terminate()
            assert process.stdout and process.stdin
            process.stdin.close()
            session.seen = process.stdout.read()


def wait_for(what: Callable[[], bool], seconds: float, told: Callable[[], str] = str) -> None:
    """Wait until it is so; the machine may be a hundred times as slow as ours."""
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, told()
        time.sleep(0.1)


def console(folder: Path, name: str) -> str:
    """What a machine printed since it was made."""
    path = folder / "machines" / name / "console.log"
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


class Wire:
    """The admin host's end of the rack's cable, listened to."""

    def __init__(self, rack: RackRecord) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ALL))
        self._socket.bind((rack.admin.interface, 0))
        self._socket.setblocking(False)
        self._seen = b""

    def pxe_asked(self, mac: str) -> bool:
        """Whether a PXE client of that MAC has asked for an address."""
        while True:
            try:
                frame = self._socket.recv(2048)
            except BlockingIOError:
                return False
            if frame[6:12] == bytes.fromhex(mac.replace(":", "")) and b"PXEClient" in frame:
                return True

    def close(self) -> None:
        """Stop listening."""
        self._socket.close()
