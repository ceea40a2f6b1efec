"""An agent's HTTP: one connection that is kept alive, as cheap as a thousand of them must be."""

from __future__ import annotations

import asyncio
import json
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, NoReturn


@dataclass
class Times:
    """How long each kind of call took, in seconds."""

    of: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def at(self, kind: str, part: float) -> float:
        """The time that such a part of the calls did not exceed."""
        ordered = sorted(self.of[kind]) or [0.0]
        return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


@dataclass
class Link:
    """Raises OSError or EOFError when the other side is not there, or went away."""

    port: int
    times: Times
    session: str = ""
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, document: Any, kind: str = "other") -> tuple[int, Any]:
        """The status, and the answer's JSON."""
        status, body = await self.ask("POST", f"/v1/agent/{path}", json.dumps(document).encode(), kind)
        return status, json.loads(body)

    async def ask(self, method: str, path: str, body: bytes = b"", kind: str = "other") -> tuple[int, bytes]:
        """The status, and the answer's body."""
        head = f"{method} {path} HTTP/1.1\r\nHost: admin\r\nContent-Length: {len(body)}\r\n"
        head += f"Authorization: Bearer {self.session}\r\n" if self.session else ""
        begun = time.perf_counter()
        try:
            if self._streams is None:
                self._streams = await asyncio.open_connection("127.0.0.1", self.port)
            reader, writer = self._streams
            writer.write(f"{head}\r\n".encode() + body)
            await writer.drain()
            status, length = await _head(reader)
            answer = await reader.readexactly(length)
        except BaseException:
            self.close()
            raise
        self.times.of[kind].append(time.perf_counter() - begun)
        return status, answer

    async def flood(self, path: str, size: int) -> NoReturn:
        """Send so many bytes, as far as they are taken. Raises OSError or EOFError in any case."""
        self.close()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            head = f"POST /v1/agent/{path} HTTP/1.1\r\nHost: admin\r\nContent-Length: {size}\r\n"
            writer.write(f"{head}Authorization: Bearer {self.session}\r\n\r\n".encode())
            for _ in range(size >> 16):
                writer.write(b"x" * (1 << 16))
                await writer.drain()
            await reader.readuntil(b"\r\n\r\n")
        finally:
            writer.transport.abort()
        raise EOFError

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


async def _head(reader: asyncio.StreamReader) -> tuple[int, int]:
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in lines[1:] if ": " in line)
    return int(lines[0].split()[1]), int(fields["content-length"])
