"""SSH to the tiny image in an instance: its host key is known from the console, so nobody can stand in between."""

from __future__ import annotations

import base64
import binascii
import io
import logging
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crowbar.verify.model import CheckError
from crowbar.verify.poll import NotYet, until

SSH_TIMEOUT = 240.0  # seconds from an active instance to a login; a boot takes 3 to 40 under emulation
_PORT = 22
_KNOCK = 1.0  # seconds until somebody must have taken a connection; a packet that was lost is sent again after one
_ATTEMPT = 10.0  # seconds for the handshake
_OUTPUT_LIMIT = 64 << 20  # bytes of a command's output that are read: a guest is not trusted
# A refused or reset connection is an answer here, not an event: it is told if it is the last one.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
_HOST_KEY = re.compile(r"crowbar-tiny: .*host key ssh-ed25519 ([A-Za-z0-9+/=]+)")


def new_key() -> tuple[paramiko.Ed25519Key, str]:
    """A fresh key that exists in this process only, and its public half as OpenSSH writes it."""
    private = Ed25519PrivateKey.generate()
    text = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode()
    key = paramiko.Ed25519Key.from_private_key(io.StringIO(text))
    return key, f"ssh-ed25519 {key.get_base64()}"


def host_key(console: str) -> paramiko.PKey | None:
    """The host key that the tiny image printed last on its console, or None if it has not, or garbled it."""
    found = _HOST_KEY.findall(console)
    if not found:
        return None
    try:
        return paramiko.Ed25519Key(data=base64.b64decode(found[-1], validate=True))
    except (binascii.Error, paramiko.SSHException, ValueError):
        return None  # a console is read while it is written: the rest of the line comes with the next look


class Guest:
    """A logged-in SSH session. Output is limited, and no command gets a secret."""

    def __init__(self, client: paramiko.SSHClient) -> None:
        self._client = client

    def run(self, command: str, *, stdin: bytes = b"", timeout: float = 60) -> bytes:
        """Run ``command`` with ``stdin`` and return its output; ``timeout`` is for each wait, in seconds.

        Raises CheckError if it ends with another status than 0 or writes too much.
        """
        transport = self._client.get_transport()
        if transport is None:
            raise CheckError(f"The SSH session was closed before `{command}`.")
        with transport.open_session(timeout=timeout) as channel:
            channel.settimeout(timeout)
            channel.exec_command(command)
            channel.sendall(stdin)
            channel.shutdown_write()
            output = b"".join(_limited(channel, command))
            error = channel.makefile_stderr("rb").read(4096)
            status = channel.recv_exit_status()
        if status:
            raise CheckError(f"`{command}` ended with {status} in the guest: {error.decode(errors='replace').strip()}")
        return output

    def text(self, command: str) -> str:
        """The output of ``command`` as text, without white space around it."""
        return self.run(command).decode(errors="replace").strip()


def _limited(channel: paramiko.Channel, command: str) -> Iterator[bytes]:
    size = 0
    while data := channel.recv(1 << 16):
        size += len(data)
        if size > _OUTPUT_LIMIT:
            raise CheckError(f"`{command}` wrote more than {_OUTPUT_LIMIT >> 20} MiB.")
        yield data


@contextmanager
def login(
    address: str, key: paramiko.PKey, console: Callable[[], str], timeout: float | None = None
) -> Iterator[Guest]:
    """Log in to the guest at ``address`` as root, as soon as it answers with the host key that ``console`` shows.

    Raises CheckError, telling what stood in the way last, after ``timeout`` seconds (None: SSH_TIMEOUT).
    """
    client = until(
        f"SSH to {address}", lambda: _connect(address, key, console), timeout=timeout or SSH_TIMEOUT, every=0.5
    )
    try:
        yield Guest(client)
    finally:
        client.close()


def _connect(address: str, key: paramiko.PKey, console: Callable[[], str]) -> paramiko.SSHClient:
    # The console is asked for once somebody listens: each time it costs the cloud what the guest needs to boot.
    try:
        connection = socket.create_connection((address, _PORT), timeout=_KNOCK)
    except OSError as error:
        raise NotYet(f"nobody listens: {type(error).__name__}: {error}") from error
    client = paramiko.SSHClient()
    try:
        _shake_hands(client, connection, address, key, console)
    except BaseException:
        client.close()
        connection.close()
        raise
    return client


def _shake_hands(
    client: paramiko.SSHClient, connection: socket.socket, address: str, key: paramiko.PKey, console: Callable[[], str]
) -> None:
    known = host_key(console())
    if known is None:
        raise NotYet("no host key on the guest's console")
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    client.get_host_keys().add(address, known.get_name(), known)
    try:
        client.connect(
            address,
            sock=connection,
            username="root",
            pkey=key,
            look_for_keys=False,
            allow_agent=False,
            timeout=_ATTEMPT,
            banner_timeout=_ATTEMPT,
            auth_timeout=_ATTEMPT,
        )
    except (OSError, EOFError, paramiko.SSHException) as error:
        raise NotYet(f"{type(error).__name__}: {error}") from error
