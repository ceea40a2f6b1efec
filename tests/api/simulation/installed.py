"""What answers by SSH on an installed server: with the host key of its order, on its own address of loopback."""

from __future__ import annotations

import contextlib
import io
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from typing import Any

import paramiko
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_SUCCEEDED

from crowbar_inventory.probe import __file__ as probe_file


@cache
def _facts() -> bytes:
    return subprocess.run(["python3", probe_file], capture_output=True, check=True).stdout


class _Asked(paramiko.ServerInterface):
    def __init__(self, allowed: list[str]) -> None:
        self._allowed = allowed

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        known = [line.split()[1] for line in self._allowed]
        return AUTH_SUCCESSFUL if key.get_base64() in known else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=_answer, args=(channel, command), daemon=True).start()
        return True


def _answer(channel: paramiko.Channel, command: bytes) -> None:
    with contextlib.suppress(OSError, EOFError):
        while channel.recv(65536):  # the probe's own text: it was run already
            pass
        if command.startswith(b"python3"):
            channel.sendall(_facts())
        channel.send_exit_status(0)
        channel.close()


class Systems:
    """The installed systems that run."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])  # on other addresses it is as free as on this one
        self._listening: dict[str, socket.socket] = {}
        self._orders: dict[str, Mapping[str, Any]] = {}  # what was installed last at each address

    def boot(self, order: Mapping[str, Any]) -> None:
        """Boot what the order installed."""
        address = order["networks"][0]["address"]
        self._orders[address] = order
        if address not in self._listening:
            listener = socket.create_server((address, self.port))
            self._listening[address] = listener
            threading.Thread(
                target=_serve, args=(listener, partial(self._orders.__getitem__, address)), daemon=True
            ).start()

    def stop(self) -> None:
        """End them all."""
        for listener in self._listening.values():
            with contextlib.suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            listener.close()


@contextlib.contextmanager
def systems() -> Iterator[Systems]:
    """None yet. All end at the end."""
    _facts()
    made = Systems()
    try:
        yield made
    finally:
        made.stop()


def _serve(listener: socket.socket, installed: Callable[[], Mapping[str, Any]]) -> None:
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listener.accept()
            order = installed()
            key = paramiko.Ed25519Key.from_private_key(io.StringIO(order["host_key"]["private"]))
            transport = paramiko.Transport(connection)
            transport.add_server_key(key)
            with contextlib.suppress(paramiko.SSHException, EOFError):
                transport.start_server(server=_Asked(order["authorized_keys"]), event=threading.Event())
