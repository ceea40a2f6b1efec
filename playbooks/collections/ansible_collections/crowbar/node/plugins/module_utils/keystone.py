"""A client of Keystone's API v3, with the standard library only: a module that starts quickly costs every role less."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

_TRY = 30.0  # seconds for one request
_PAUSE = 0.5
_BUSY = (500, 502, 503, 504)


class KeystoneError(Exception):
    """Keystone refused a request or did not answer; the message says which and why."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Login:
    """Who asks, and for what: a project, or nothing (an unscoped token)."""

    username: str
    password: str
    user_domain_name: str = "Default"
    project_name: str = ""
    project_domain_name: str = "Default"

    @property
    def body(self) -> dict[str, Any]:
        """The request for a token."""
        user = {"name": self.username, "password": self.password, "domain": {"name": self.user_domain_name}}
        auth: dict[str, Any] = {"identity": {"methods": ["password"], "password": {"user": user}}}
        if self.project_name:
            auth["scope"] = {"project": {"name": self.project_name, "domain": {"name": self.project_domain_name}}}
        return {"auth": auth}


class Keystone:
    """Keystone at ``url``, which ends in /v3. ``patience`` (seconds) is for it to come up."""

    def __init__(self, url: str, patience: float = 60.0) -> None:
        self._url = urllib.parse.urlsplit(url.rstrip("/"))
        self._patience = patience
        self._token = ""

    def login(self, login: Login) -> None:
        """Take a token for all that follows. Raises KeystoneError."""
        self._token = self._take_token(login)

    def accepts(self, login: Login) -> bool:
        """Whether that is the user's password."""
        try:
            self._take_token(login)
        except KeystoneError as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                return False
            raise
        return True

    def get(self, path: str) -> Any:
        """The document at ``path`` below /v3."""
        return self._request("GET", path)[0]

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Change something; what Keystone answered."""
        return self._request(method, path, body)[0]

    def _take_token(self, login: Login) -> str:
        token = self._request("POST", "/auth/tokens", login.body)[1].get("X-Subject-Token")
        if not token:
            raise KeystoneError("Keystone gave no token.")
        return str(token)

    def _request(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> tuple[Any, http.client.HTTPMessage]:
        """The answer and its headers; tried again while Keystone is not there or busy, until the patience is over."""
        end = time.monotonic() + self._patience
        while True:
            try:
                status, headers, said = self._exchange(method, path, body)
                if status not in _BUSY or time.monotonic() > end:
                    break
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() > end:
                    raise KeystoneError(f"{method} {self._url.geturl()}{path}: {error}") from error
            time.sleep(_PAUSE)
        if status >= HTTPStatus.BAD_REQUEST:
            raise KeystoneError(
                f"{method} {self._url.geturl()}{path}: status {status}: {said[:500].decode(errors='replace')}", status
            )
        return (json.loads(said) if said else None), headers

    def _exchange(
        self, method: str, path: str, body: Mapping[str, Any] | None
    ) -> tuple[int, http.client.HTTPMessage, bytes]:
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self._token and path != "/auth/tokens":
            headers["X-Auth-Token"] = self._token
        content = None if body is None else json.dumps(body)
        # uWSGI closes after each answer: one connection a request.
        with contextlib.closing(kind(self._url.netloc, timeout=_TRY)) as connection:
            connection.request(method, self._url.path + path, content, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
