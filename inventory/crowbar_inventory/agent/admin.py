"""The admin node's HTTP."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from crowbar_inventory.agent.errors import AbsentError, DamagedError, SessionOverError, UnreachableError

_REPLY_LIMIT = 4 << 20  # bytes


class Admin:
    """The admin node's HTTP."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)
        self.session = ""

    def post(self, path: str, body: object, patience: float = 20.0) -> tuple[int, dict[str, Any]]:
        """The status and what it answered. Raises UnreachableError, SessionOverError."""
        with self._request("POST", path, json.dumps(body).encode(), patience) as response:
            try:
                said = response.read(_REPLY_LIMIT + 1)
                answer = json.loads(said) if len(said) <= _REPLY_LIMIT else None
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise UnreachableError(f"{path} answered {response.status} and no JSON: {error}") from error
        if not isinstance(answer, dict) or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise UnreachableError(f"{path} answered {response.status}: {str(answer)[:200]}")
        if response.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.CONFLICT):
            raise SessionOverError(str(answer.get("message", "the session is over")))
        return response.status, answer

    @contextlib.contextmanager
    def download(self, path: str) -> Iterator[http.client.HTTPResponse]:
        """The body there, to be read. Raises DamagedError."""
        try:
            with self._request("GET", path, None, 60.0) as response:
                if response.status != HTTPStatus.OK:
                    raise DamagedError(f"the admin node answers {response.status} to {path}")
                yield response
        except UnreachableError as error:
            raise AbsentError(str(error)) from error

    @contextlib.contextmanager
    def _request(
        self, method: str, path: str, body: bytes | None, patience: float
    ) -> Iterator[http.client.HTTPResponse]:
        link = http.client.HTTPConnection(self._parts.hostname or "", self._parts.port, timeout=patience)
        headers = {"Authorization": f"Bearer {self.session}"} if self.session else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            try:
                link.request(method, self._parts.path + path, body, headers)
                response = link.getresponse()
            except (OSError, http.client.HTTPException) as error:
                raise UnreachableError(f"{self._parts.netloc}: {error or type(error).__name__}") from error
            yield response
        finally:
            link.close()
