"""Asking whether something answers: each probe says what is wrong, or nothing."""

from __future__ import annotations

import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any

from ansible_collections.crowbar.node.plugins.module_utils import process, progress

KINDS = ("http", "tcp", "unit", "command")
_PATIENCE = 15.0  # seconds for one try
_PAUSE = 0.5
_TELL_EVERY = 3.0  # seconds


def run(checks: Sequence[Mapping[str, Any]], timeout: float) -> list[str]:
    """All checks at once, each tried until it is well or its time is over; what stays wrong.

    ``timeout`` is in seconds, for checks without one of their own. What is waited for is told.
    """
    if not checks:
        return []
    seen = [""] * len(checks)  # what is wrong with each, as far as it is known

    def follow(number: int) -> None:
        _until_well(checks[number], timeout, partial(seen.__setitem__, number))

    with ThreadPoolExecutor(len(checks)) as pool:
        _tell(checks, seen, [pool.submit(follow, number) for number in range(len(checks))])
    return [f"{title(check)}: {wrong}" for check, wrong in zip(checks, seen, strict=True) if wrong]


def _tell(checks: Sequence[Mapping[str, Any]], seen: Sequence[str], following: Sequence[Future[None]]) -> None:
    """Until all have ended, tell what is waited for whenever that is something else."""
    before = ""
    while wait(following, _TELL_EVERY).not_done:
        last_lines = [wrong.strip().rpartition("\n")[2] for wrong in seen]
        text = "; ".join(f"{title(check)}: {line}" for check, line in zip(checks, last_lines, strict=True) if line)
        if text and text != before:
            progress.tell(f"waits for {text}")
        before = text
    for one in following:
        one.result()


def title(check: Mapping[str, Any]) -> str:
    """What a check is about, for a message."""
    kind = next(kind for kind in KINDS if check.get(kind))
    value = check[kind]
    return str(check.get("name") or (" ".join(value) if kind == "command" else f"{kind} {value}"))


def _until_well(check: Mapping[str, Any], timeout: float, saw: Callable[[str], None]) -> None:
    end = time.monotonic() + float(check.get("timeout") or timeout)
    while True:
        wrong = _once(check)
        saw(wrong)
        if not wrong or time.monotonic() >= end:
            return
        time.sleep(_PAUSE)


def _once(check: Mapping[str, Any]) -> str:
    probe: Callable[[Mapping[str, Any]], str] = next(_PROBES[kind] for kind in KINDS if check.get(kind))
    return probe(check)


def _http(check: Mapping[str, Any]) -> str:
    wanted = check.get("status") or [200]
    if not check["http"].startswith(("http://", "https://")):
        return "is no URL of HTTP"
    request = urllib.request.Request(check["http"], headers=check.get("headers") or {})  # noqa: S310 - seen to above
    opener = urllib.request.build_opener(
        _NoRedirect, urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=_trusting())
    )
    try:
        with opener.open(request, timeout=_PATIENCE) as answer:
            status, said = answer.status, ""
    except urllib.error.HTTPError as error:
        status, said = error.code, error.read(300).decode(errors="replace").strip()
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))
    return "" if status in wanted else f"status {status}, not {' or '.join(map(str, wanted))}. {said}".strip()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer of its own: its status is what is checked."""

    def redirect_request(self, *_: Any) -> None:
        return None


def _trusting() -> ssl.SSLContext:
    """Whether a service answers is asked here, not who it is: its certificate may be the cloud's own."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _tcp(check: Mapping[str, Any]) -> str:
    host, _, port = check["tcp"].rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE).close()
    except (OSError, ValueError) as error:
        return str(error)
    return ""


def _unit(check: Mapping[str, Any]) -> str:
    done = process.run(["systemctl", "is-active", check["unit"]], timeout=_PATIENCE)
    return "" if done.status == 0 else f"is {done.output or 'unknown'}"


def _command(check: Mapping[str, Any]) -> str:
    env = {key: str(value) for key, value in (check.get("env") or {}).items()}
    done = process.run(check["command"], check.get("user") or "root", check.get("stdin") or "", env, timeout=60)
    return "" if done.status == 0 else f"status {done.status}. {done.output[-1000:]}"


_PROBES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "http": _http,
    "tcp": _tcp,
    "unit": _unit,
    "command": _command,
}
