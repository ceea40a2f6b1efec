"""A package mirror with no packages, served over HTTP on the loopback."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serve a folder; gives its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def release(packages: str, *, origin: str = "Debian", signature: str = "one") -> str:
    """The text of an InRelease file whose index has the digest of ``packages``."""
    digest = hashlib.sha256(packages.encode()).hexdigest()
    other = hashlib.sha256(signature.encode()).hexdigest()
    return (
        f"-----BEGIN PGP SIGNED MESSAGE-----\n\nOrigin: {origin}\nDate: {signature}\nSHA256:\n"
        f" {digest} 100 main/binary-amd64/Packages\n {digest} 50 main/binary-amd64/Packages.xz\n"
        f" {other} 100 contrib/binary-amd64/Packages\n"
    )


def publish(folder: Path, suite: str, text: str) -> None:
    """Put an InRelease file where APT looks for it."""
    target = folder / "dists" / suite / "InRelease"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
