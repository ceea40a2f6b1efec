"""QEMU's control connection: what happens to the guest, and orders to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

_LIMIT = 1 << 20  # a message of QEMU's own is far smaller
_FOUND_AFTER = 30.0


class Qmp:
    """One connection. Events come out of `events`, which has to be read for commands to be sent safely."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, socket: Path) -> Qmp:
        """Connect to a QEMU that may be about to start. Raises OSError when it has not after 30 seconds."""
        deadline = asyncio.get_running_loop().time() + _FOUND_AFTER
        while True:
            try:
                reader, writer = await asyncio.open_unix_connection(str(socket), limit=_LIMIT)
                break
            except OSError:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(0.05)
        found = cls(reader, writer)
        await found.send("qmp_capabilities")
        return found

    async def send(self, command: str, **arguments: Any) -> None:
        """Give an order; its answer comes among the events, and is not waited for. Raises OSError."""
        message = {"execute": command, **({"arguments": arguments} if arguments else {})}
        self._writer.write(json.dumps(message).encode() + b"\n")
        await self._writer.drain()

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """All that QEMU says, until it ends."""
        while line := await self._reader.readline():
            message = json.loads(line)
            if isinstance(message, dict):
                yield message

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except OSError:  # it was gone already
            return
