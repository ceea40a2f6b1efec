"""Measures what large answers take of the network."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from crowbar.services.machines.traffic import Traffic

_LARGE = 4 << 20  # bytes: kernels, ramdisks and images, and none of the agents' calls


class Measured:
    """ASGI middleware that tells ``traffic`` of each large answer's begin, progress and end."""

    def __init__(self, app: ASGIApp, traffic: Traffic) -> None:
        self._app = app
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand the call on, and look at what is sent back."""
        large = False

        async def counted(message: Message) -> None:
            nonlocal large
            if message["type"] == "http.response.start" and scope["method"] == "GET" and _size(message) >= _LARGE:
                large = True
                self._traffic.begin()
            await send(message)  # which waits while the other side does not take it
            if large and message["type"] == "http.response.body":
                self._traffic.sent(len(message.get("body", b"")))

        try:
            await self._app(scope, receive, counted)
        finally:
            if large:
                self._traffic.end()


def _size(message: Message) -> int:
    headers: dict[bytes, bytes] = dict(message.get("headers", ()))
    return int(headers.get(b"content-length", b"0"))
