"""One machine's connection: whoever opens one and asks nothing does not keep it."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

LARGEST_HEAD = 16 << 10  # bytes of a request's line and headers


class Connection(H11Protocol):
    """uvicorn's, whose own limit of idleness holds only after a first request. That one has as long to come whole."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._due = self.loop.call_later(self.timeout_keep_alive, self._hang_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        if self._due is not None:
            self._due.cancel()
        super().connection_lost(exc)

    def _hang_up(self) -> None:
        if not self.cycle:  # no request has come whole
            self.transport.close()
