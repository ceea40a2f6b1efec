"""SSH to a node with paramiko: key authentication only, and only to the host key that was pinned."""

from __future__ import annotations

import base64
import contextlib
import shlex
import socket
import threading
from collections.abc import Iterator, Sequence
from typing import BinaryIO, cast

import paramiko
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential

from crowbar.apply.transport import OUTPUT_LIMIT, Completed, Session
from crowbar.errors import NodeError
from crowbar.store.model import Node

_STDERR_TAIL = 8192
_KEEPALIVE_SECONDS = 15
# How often a connection's thread looks up while nothing comes. Paramiko has it do so ten times a second, which for many
# nodes costs more than all that they are told.
_LOOK_UP_SECONDS = 5.0
_LOST_MILLISECONDS = 45_000  # unacknowledged for so long, a keepalive tells that the node is gone
# Taken by paramiko for a connection that broke, was refused or timed out: worth another try. Authentication and host
# key errors are SSHExceptions too, but they will not mend by waiting and are told apart before.
_FINAL = (paramiko.AuthenticationException, paramiko.BadHostKeyException)
_PASSING = (socket.error, EOFError, paramiko.ssh_exception.NoValidConnectionsError, paramiko.SSHException)


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, _PASSING) and not isinstance(error, _FINAL)


class SshSession:
    """A command on the far side; its stderr is drained by a thread, lest its window fill up and stall it."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self.stdin = cast("BinaryIO", channel.makefile_stdin("wb"))
        self.stdout = cast("BinaryIO", channel.makefile("rb", 1 << 16))
        self._tail = b""
        self._drain = threading.Thread(target=self._read_stderr, daemon=True)
        self._drain.start()

    def _read_stderr(self) -> None:
        # A channel that dies while it is read has no more to tell.
        with contextlib.suppress(OSError):
            while block := self._channel.recv_stderr(4096):
                self._tail = (self._tail + block)[-_STDERR_TAIL:]

    def close_stdin(self) -> None:
        """Send EOF."""
        self.stdin.flush()
        self._channel.shutdown_write()

    def stderr_tail(self) -> str:
        """The last 8 KiB of stderr, once the command closed it (waits 2 s at most)."""
        self._drain.join(2)
        return self._tail.decode(errors="replace")


class SshTransport:
    """One SSH connection to one node, made at the first use and kept."""

    def __init__(self, node: Node, *, patience: float = 30) -> None:
        """``patience`` is for how many seconds a refused or lost connection is tried again."""
        self._node = node
        self._patience = patience
        self._client: paramiko.SSHClient | None = None

    def _connect(self) -> paramiko.SSHClient:
        node = self._node
        client = paramiko.SSHClient()
        kind, _, key = node.host_key.partition(" ")
        if not key:
            raise NodeError(f"Node {node.name} has no pinned SSH host key.", hint="Install the node again.")
        host = node.address if node.ssh_port == paramiko.config.SSH_PORT else f"[{node.address}]:{node.ssh_port}"
        entry = paramiko.HostKeys()
        entry.add(host, kind, paramiko.PKey.from_type_string(kind, base64.b64decode(key.split()[0])))
        client.get_host_keys().update(entry)
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        connection = socket.create_connection((node.address, node.ssh_port), timeout=10)
        # A node that lost its power says nothing: without this, reading from it would wait for many minutes.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _LOST_MILLISECONDS)
        try:
            client.connect(
                node.address,
                port=node.ssh_port,
                sock=connection,
                username=node.ssh_user,
                key_filename=node.ssh_key,
                allow_agent=False,
                look_for_keys=False,
                timeout=10,
                banner_timeout=30,
                auth_timeout=30,
            )
        except BaseException:  # it is tried again and again: nothing of a vain try may stay
            client.close()
            connection.close()
            raise
        transport = client.get_transport()
        if transport is not None:
            transport.set_keepalive(_KEEPALIVE_SECONDS)
        connection.settimeout(_LOOK_UP_SECONDS)
        return client

    def _connected(self) -> paramiko.SSHClient:
        if self._client is not None:
            transport = self._client.get_transport()
            if transport is not None and transport.is_active():
                return self._client
            self.close()
        node = self._node
        try:
            for attempt in Retrying(
                retry=retry_if_exception(_may_pass),
                stop=stop_after_delay(self._patience),
                wait=wait_exponential(0.2, max=3),
                reraise=True,
            ):
                with attempt:
                    self._client = self._connect()
        except paramiko.BadHostKeyException as error:
            raise NodeError(
                f"Node {node.name} at {node.address} shows another SSH host key than the one pinned for it.",
                hint="Somebody else answers at that address, or the node was installed by other means.",
            ) from error
        except paramiko.AuthenticationException as error:
            raise NodeError(f"Node {node.name} at {node.address} refuses Crowbar's SSH key.") from error
        except _PASSING as error:
            raise NodeError(
                f"Node {node.name} does not answer by SSH at {node.address}:{node.ssh_port}: {error}.",
                hint="See that it is powered on; `crowbar status` shows its state.",
            ) from error
        assert self._client is not None  # noqa: S101 (Retrying returned without raising)
        return self._client

    @contextlib.contextmanager
    def open(self, argv: Sequence[str]) -> Iterator[Session]:
        """Start a command on the node."""
        transport = self._connected().get_transport()
        if transport is None:
            raise NodeError(f"The SSH connection to node {self._node.name} was lost.")
        try:
            channel = transport.open_session(timeout=30)
            channel.exec_command(shlex.join(argv))
        except _PASSING as error:
            raise NodeError(f"Node {self._node.name} opens no SSH session: {error}.") from error
        with contextlib.closing(channel):
            yield SshSession(channel)

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60) -> Completed:
        """Run a command on the node to its end."""
        try:
            client = self._connected()
            streams = client.exec_command(shlex.join(argv), timeout=timeout)
            streams[0].write(stdin)
            streams[0].channel.shutdown_write()
            stdout = streams[1].read(OUTPUT_LIMIT)
            stderr = streams[2].read(OUTPUT_LIMIT)
            status = streams[1].channel.recv_exit_status()
        except _PASSING as error:
            raise NodeError(f"{argv[0]} on node {self._node.name} did not end: {error or 'timed out'}.") from error
        return Completed(status, stdout.decode(errors="replace"), stderr.decode(errors="replace"))

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._client is None:
            return
        if (transport := self._client.get_transport()) is not None:
            with contextlib.suppress(OSError):  # it is broken, or closed by the other side
                transport.sock.shutdown(socket.SHUT_RDWR)  # its thread reads it: to close it alone would not wake that
        self._client.close()
        self._client = None
