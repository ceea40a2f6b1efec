"""An admin node for agents under test: it answers as told, and remembers what it was told."""

from __future__ import annotations

import json
import socket
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

SESSION = "a-session"
Answer = tuple[int, dict[str, Any]]


@dataclass
class Told:
    """One request: its path, its Authorization, its body."""

    path: str
    session: str
    body: dict[str, Any]


@dataclass
class AdminNode:
    """Registers whoever comes, unless ``answers`` has something else for the path's next request."""

    answers: dict[str, deque[Answer]] = field(default_factory=dict)
    orders: deque[dict[str, Any]] = field(default_factory=deque)
    downloads: dict[str, deque[bytes]] = field(default_factory=dict)  # the last one stays
    told: list[Told] = field(default_factory=list)
    listening: socket.socket | None = None

    def __enter__(self) -> Self:
        node = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                node.heard(Told(self.path, self.headers.get("Authorization", ""), body))
                status, answer = node.answer(self.path)
                self.send(status, json.dumps(answer).encode())

            def do_GET(self) -> None:
                waiting = node.downloads.get(self.path)
                if not waiting:
                    self.send(404, b"{}")
                    return
                self.send(200, waiting.popleft() if len(waiting) > 1 else waiting[0])

            def send(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._changed = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=self.listening is None)
        if self.listening is not None:
            self._server.socket.close()
            self._server.socket = self.listening
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.socket.getsockname()[1]}"

    def heard(self, told: Told) -> None:
        with self._changed:
            self.told.append(told)
            self._changed.notify_all()

    def answer(self, path: str) -> Answer:
        if self.answers.get(path):
            return self.answers[path].popleft()
        if path.endswith("/register"):
            return 200, {"machine": "node-1", "session": SESSION, "interval": 5, "message": "welcome"}
        if path.endswith("/next"):
            return 200, {"order": self.orders.popleft() if self.orders else None}
        return 200, {"machine": "node-1", "message": ""}

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """What was posted there."""
        return [told.body for told in self.told if told.path == path]

    def wait_for(self, path: str, seconds: float) -> dict[str, Any]:
        """The first body that is posted there. Raises TimeoutError."""
        with self._changed:
            if not self._changed.wait_for(lambda: self.bodies(path), seconds):
                raise TimeoutError(f"nobody posted to {path} in {seconds} s")
        return self.bodies(path)[0]

    def outcome(self, identifier: str) -> dict[str, Any]:
        """The last report on an order."""
        return self.bodies(f"/v1/agent/orders/{identifier}")[-1]
