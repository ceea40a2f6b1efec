"""A network for one machine under test, in a namespace of its own: a DHCP server, and a socket for an admin node."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ADDRESS = "10.99.0.1"
_CLONE_NEWNET = 0x40000000


@dataclass(frozen=True)
class Lan:
    """``inside`` goes before a command that shall run in the namespace; ``interface`` is this end of the cable."""

    name: str
    interface: str
    listening: socket.socket

    @property
    def path(self) -> Path:
        return Path("/run/netns") / self.name

    @property
    def inside(self) -> list[str]:
        return ["nsenter", f"--net={self.path}"]

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.listening.getsockname()[1]}"


@contextmanager
def lan(name: str, folder: Path, *cable: str) -> Iterator[Lan]:
    """Make the namespace, then the cable by `ip link add lan0 …` in it; all is gone afterwards."""
    _ip("netns", "add", name)
    try:
        for words in (("link", "set", "lo", "up"), cable, ("address", "add", f"{ADDRESS}/24", "dev", "lan0")):
            _ip("-n", name, *words)
        _ip("-n", name, "link", "set", "lan0", "up")
        with _socket_in(Path("/run/netns") / name) as listening:
            made = Lan(name, "lan0", listening)
            server = subprocess.Popen([*made.inside, *_dnsmasq(folder)], stderr=subprocess.DEVNULL)
            try:
                yield made
            finally:
                server.terminate()
                server.wait()
    finally:
        _ip("netns", "delete", name)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True)


def _dnsmasq(folder: Path) -> list[str]:
    return [
        *("dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--user=root", "--pid-file="),
        *("--bind-interfaces", "--interface=lan0", "--except-interface=lo", "--no-ping", "--dhcp-authoritative"),
        *("--dhcp-range=10.99.0.10,10.99.0.20", f"--dhcp-leasefile={folder / 'leases'}"),
    ]


def _socket_in(namespace: Path) -> socket.socket:
    """A listening socket of another namespace: a thread goes there, makes it, and ends."""
    made: list[socket.socket] = []

    def make() -> None:
        with namespace.open("rb") as file:
            if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        made.append(socket.create_server((ADDRESS, 0)))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    return made[0]
