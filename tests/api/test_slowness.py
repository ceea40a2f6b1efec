"""Who is slow, or says nothing, keeps no connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
import uvicorn

from crowbar.api import bodies
from crowbar.api.connection import LARGEST_HEAD, Connection

from .conftest import Admin

HEAD = b"POST /v1/agent/register HTTP/1.1\r\nHost: admin\r\nContent-Length: 100\r\n\r\n"


def said(connection: socket.socket) -> bytes:
    """All that comes until the other end hangs up."""
    connection.settimeout(10)
    return b"".join(iter(lambda: connection.recv(4096), b""))


def test_a_body_that_does_not_come_is_not_waited_for(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_WITHIN", 0.2)
    parts = urlsplit(admin.url)
    with socket.create_connection((str(parts.hostname), int(parts.port or 0))) as connection:
        connection.sendall(HEAD + b'{"protocol"')
        answer = said(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"within 0.2 seconds" in answer


@pytest.fixture
def impatient() -> Iterator[tuple[str, int]]:
    """A server with our connections, that waits a second for a request."""

    async def application(_scope: object, _receive: object, _send: object) -> None:
        pytest.fail("no request has come whole")

    config = uvicorn.Config(
        application,
        http=Connection,
        h11_max_incomplete_event_size=LARGEST_HEAD,
        lifespan="off",
        log_config=None,
        timeout_keep_alive=1,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield listener.getsockname()
        finally:
            server.should_exit = True
            thread.join()


@pytest.mark.parametrize("begun", [b"", b"GET /boot.ipxe HTTP/1.1\r\nHost"])
def test_a_first_request_has_a_second_to_come_whole(impatient: tuple[str, int], begun: bytes) -> None:
    with socket.create_connection(impatient) as connection:
        connection.sendall(begun)
        assert said(connection) == b""


def test_endless_headers_are_refused(impatient: tuple[str, int]) -> None:
    with socket.create_connection(impatient) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nX: " + b"x" * (LARGEST_HEAD + 1))
        assert said(connection).startswith(b"HTTP/1.1 4")
