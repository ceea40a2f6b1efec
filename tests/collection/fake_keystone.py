"""A Keystone that speaks enough of API v3 over HTTP, and loses its first connections as one that comes up does."""

from __future__ import annotations

import http.server
import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class FakeKeystone:
    """What it holds: kind in plural -> id -> thing; grants as paths. ``down``: requests it will not answer yet.

    While it is ``racing``, another makes each named thing just before it is asked to.
    """

    def __init__(self) -> None:
        self.down = 0
        self.racing = False
        self.things: dict[str, dict[str, dict[str, Any]]] = {
            kind: {} for kind in ("domains", "projects", "roles", "users", "services", "endpoints", "regions")
        }
        self.things["domains"]["default"] = {"id": "default", "name": "Default"}
        self.things["projects"]["p0"] = {"id": "p0", "name": "admin", "domain_id": "default"}
        self.things["users"]["u0"] = {"id": "u0", "name": "admin", "domain_id": "default", "password": "root"}
        self.grants: set[str] = set()
        self.changes: list[str] = []
        self._ids = itertools.count(1)

    def names(self, kind: str) -> set[str]:
        return {thing["name"] for thing in self.things[kind].values()}

    def answer(self, method: str, path: str, body: Any, token: str) -> tuple[int, Any]:
        if path == "/auth/tokens":
            asked = body["auth"]["identity"]["password"]["user"]
            known = [one for one in self.things["users"].values() if one["name"] == asked["name"]]
            return (201, {}) if known and known[0]["password"] == asked["password"] else (401, {"error": "no"})
        if token != "token":
            return 401, {"error": "no token"}
        if method != "GET":
            self.changes.append(f"{method} {path}")
        parts = path.strip("/").split("/")
        if "users" in parts[1:]:
            return self._grant(method, path)
        return self._thing(method, parts, body)

    def _grant(self, method: str, path: str) -> tuple[int, Any]:
        if method == "PUT":
            self.grants.add(path)
            return 204, None
        held = [grant.rpartition("/")[2] for grant in self.grants if grant.startswith(path)]
        return 200, {"roles": [{"id": each} for each in held]}

    def _thing(self, method: str, parts: list[str], body: Any) -> tuple[int, Any]:
        kind, one = parts[0], parts[0][:-1]
        if method == "GET":
            return 200, {kind: list(self.things[kind].values())}
        ident = parts[1] if len(parts) > 1 else f"{one}{next(self._ids)}"
        thing = self.things[kind].setdefault(ident, {"id": ident})
        thing.update(body[one])
        if kind in ("projects", "users"):
            thing.setdefault("domain_id", "default")
        if self.racing and method == "POST" and "name" in thing:
            return 409, {"error": "there is one"}
        return 201, {one: thing}


@contextmanager
def serving(fake: FakeKeystone) -> Iterator[str]:
    """The URL (ending in /v3) that ``fake`` answers at."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one_request(self) -> None:
            if fake.down:
                fake.down -= 1
                self.close_connection = True
                return
            super().handle_one_request()

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            path = self.path.removeprefix("/v3")
            status, answer = fake.answer(self.command, path, body, self.headers.get("X-Auth-Token", ""))
            text = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("X-Subject-Token", "token")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_PATCH = _answer  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v3"
        server.shutdown()
