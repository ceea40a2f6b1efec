"""An instance's screen, as a browser gets it: the page, then RFB (RFC 6143) inside a WebSocket (RFC 6455)."""

from __future__ import annotations

import base64
import secrets
import socket
import urllib.error
import urllib.request
from urllib.parse import parse_qs, urlsplit

from crowbar.verify.cloud import Cloud
from crowbar.verify.model import CheckError

_TIMEOUT = 30  # seconds
_SWITCHING = b"101"
_MOST = 4096  # bytes of an answer's head
_SHORT_FRAME = 126  # a payload shorter than this has its length in the second byte


def console_url(cloud: Cloud, server_id: str) -> str:
    """The address that Nova gives for the instance's screen; its token is for one visit."""
    return str(cloud.connection.compute.create_server_remote_console(server_id, protocol="vnc", type="novnc").url)


def greeting(url: str) -> str:
    """What the instance's screen says first: RFB's version. Raises CheckError for anything else."""
    parts = urlsplit(url)
    page = f"{parts.scheme}://{parts.netloc}{parts.path}"
    try:
        with urllib.request.urlopen(page, timeout=_TIMEOUT) as answer:  # noqa: S310 - the cloud's own address
            answer.read()
    except urllib.error.URLError as error:
        raise CheckError(f"The console's page {page} is not served: {error}") from error
    said = _first_words(parts.hostname or "", parts.port or 80, _socket_path(parts.query))
    if not said.startswith("RFB "):
        raise CheckError(f"The console at {parts.netloc} speaks no RFB; it says {said[:80]!r}.")
    return said.strip()


def _socket_path(query: str) -> str:
    """The WebSocket's path: noVNC is told it as a parameter of its page."""
    return "/" + parse_qs(query).get("path", [""])[0].lstrip("/")


def _first_words(host: str, port: int, path: str) -> str:
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {host}:{port}",
        f"Origin: http://{host}:{port}",  # the proxy refuses pages of others
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Protocol: binary",
    )
    with socket.create_connection((host, port), timeout=_TIMEOUT) as connection:
        connection.sendall("\r\n".join((*lines, "", "")).encode())
        stream = connection.makefile("rb")
        status = stream.readline(_MOST)
        if _SWITCHING not in status.split(b" ", 2)[1:2]:
            raise CheckError(f"The console's proxy lets nobody in: {status.decode(errors='replace').strip()}")
        while stream.readline(_MOST).strip():
            pass
        head = stream.read(2)
        length = head[1] if len(head) > 1 else 0
        return stream.read(min(length & 0x7F, _SHORT_FRAME - 1)).decode("ascii", errors="replace")
