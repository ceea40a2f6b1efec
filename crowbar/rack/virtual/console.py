"""A machine's serial console: a terminal, with its log, and the TCP port that the BMC has it from."""

from __future__ import annotations

import asyncio
import ctypes
import os
import pty
import socket
import tty
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from crowbar.rack.virtual.wiring import namespace_path

_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_PIECE = 4096
_MOST_WAITING = 1 << 20  # of a client that does not read: it loses the console, the machine does not wait


class Console:
    """What is written to ``terminal`` goes to the log and to who is connected; what they type comes back.

    It is there while the machine is off, too: a BMC that is once refused does not ask again for 20 seconds. Needs a
    running event loop. Raises OSError if the port cannot be had.
    """

    def __init__(self, log: Path, namespace: str, port: int) -> None:
        self._log = log
        self._master, self.terminal = pty.openpty()  # held open here too, so that it outlives each power-on
        tty.setraw(self.terminal)
        os.set_blocking(self._master, False)
        self._clients: set[asyncio.StreamWriter] = set()
        asyncio.get_running_loop().add_reader(self._master, self._print)
        self._serving = asyncio.create_task(self._serve(_listen(namespace, port)))

    @property
    def path(self) -> str:
        """The terminal's device."""
        return os.ttyname(self.terminal)

    async def _serve(self, listening: socket.socket) -> None:
        server = await asyncio.start_server(self._client, sock=listening)
        async with server:
            await server.serve_forever()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        try:
            while typed := await reader.read(_PIECE):
                with suppress(BlockingIOError):  # nothing in the machine reads
                    os.write(self._master, typed)
        except OSError:
            pass
        finally:
            self._clients.discard(writer)
            writer.close()

    def _print(self) -> None:
        try:
            data = os.read(self._master, _PIECE)
        except OSError:
            return
        with self._log.open("ab") as log:
            log.write(data)
        for writer in list(self._clients):
            if writer.transport.get_write_buffer_size() > _MOST_WAITING:
                writer.transport.abort()
            else:
                writer.write(data)


def _listen(namespace: str, port: int) -> socket.socket:
    """A socket in another network namespace: it stays where the thread was that made it, which then ends."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(_listen_there, namespace, port).result()


def _listen_there(namespace: str, port: int) -> socket.socket:
    with namespace_path(namespace).open("rb") as space:
        if ctypes.CDLL(None, use_errno=True).setns(space.fileno(), _NEW_NETWORK) != 0:
            raise OSError(ctypes.get_errno(), f"the network namespace {namespace} cannot be entered")
    return socket.create_server(("127.0.0.1", port))
