"""The screen of an instance: a real WebSocket on loopback that is a console, and some that are none."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from crowbar.verify.model import CheckError
from crowbar.verify.vnc import greeting

PAGE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\npage"
UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
RFB = b"RFB 003.008\n"


@contextmanager
def serving(*answers: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """One answer a connection; what was asked is kept."""
    asked: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for answer in answers:
            connection, _ = listener.accept()
            with connection:
                asked.append(connection.recv(4096))
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/vnc_lite.html?path=%3Ftoken%3Dabc", asked
    finally:
        thread.join()
        listener.close()


def test_the_page_and_then_the_screen() -> None:
    with serving(PAGE, UPGRADED + bytes([0x82, len(RFB)]) + RFB) as (url, asked):
        assert greeting(url) == "RFB 003.008"
    assert asked[0].startswith(b"GET /vnc_lite.html HTTP")
    assert asked[1].startswith(b"GET /?token=abc HTTP")
    origin = f"Origin: {url.partition('/vnc')[0]}"
    assert origin.encode() in asked[1]


def test_a_page_that_is_not_there() -> None:
    with (
        serving(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n") as (url, _),
        pytest.raises(CheckError, match="is not served: HTTP Error 404"),
    ):
        greeting(url)


def test_a_token_that_is_refused() -> None:
    with (
        serving(PAGE, b"HTTP/1.1 403 Forbidden\r\n\r\n") as (url, _),
        pytest.raises(CheckError, match=r"lets nobody in: HTTP/1\.1 403"),
    ):
        greeting(url)


def test_something_else_than_a_screen() -> None:
    with (
        serving(PAGE, UPGRADED + bytes([0x82, 5]) + b"SSH-2") as (url, _),
        pytest.raises(CheckError, match="speaks no RFB; it says 'SSH-2'"),
    ):
        greeting(url)


def test_one_that_hangs_up() -> None:
    with serving(PAGE, UPGRADED) as (url, _), pytest.raises(CheckError, match="speaks no RFB"):
        greeting(url)
