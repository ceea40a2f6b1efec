"""The agent itself: registers, tells its inventory, does orders, for ever."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import random
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NoReturn
from uuid import uuid4

from crowbar_inventory.agent.admin import Admin
from crowbar_inventory.agent.checked import line, text
from crowbar_inventory.agent.errors import OrderError, SessionOverError, UnreachableError
from crowbar_inventory.agent.hardware import collect, fingerprint, identity, nics
from crowbar_inventory.agent.orders import LAST_ORDERS, ORDERS, last_step, leave
from crowbar_inventory.agent.reporting import Report, Reporting
from crowbar_inventory.agent.settings import Settings

VERSION = "1"
_BACK_OFF = 30.0  # seconds at most between two tries
_SAY_AGAIN = 10.0
_INTERVAL = 300.0  # seconds at most between two questions whether we are approved
_ID = r"[\w-]{1,64}"


class Agent:
    """Registers, tells its inventory, does orders, for ever."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self.settings, self.say = settings, say
        self.admin = Admin(settings.url)
        self._failures = 0
        self._said = "", 0.0
        self._raw: dict[str, str] | None = None  # looked at already, and not told yet
        self._seen: tuple[object, ...] | None = None  # what was there when the inventory was told
        settings.state.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._memory = settings.state / "agent.json"  # so that an agent that was started anew is still the same
        self._boot = {"boot_id": uuid4().hex, "session": ""}
        with contextlib.suppress(OSError, ValueError):
            self._boot.update(json.loads(self._memory.read_text("utf-8")))
        self.admin.session = self._boot["session"]

    def serve(self) -> NoReturn:
        """Never comes back."""
        while True:
            self.step()

    def step(self) -> None:
        """One attempt at whatever is next. What fails is said, and waited after; nothing gets past here."""
        try:
            if not self.admin.session:
                self._register()
            elif self._seen is None:
                self.send_inventory()
            else:
                self._ask()
            self._failures = 0
        except SessionOverError as over:
            self.say(f"{over}; registering again")
            self._remember("")
            self.wait(1)
        except Exception as error:  # noqa: BLE001 - whatever it is: an agent that ends helps nobody
            self._failures += 1
            seconds = self._complain(error)
            if self._raw is None and self._seen is None:
                self._look()  # the time is used
            else:
                time.sleep(seconds)

    def _complain(self, error: Exception) -> float:
        """Say it, unless it was just said; for how many seconds to wait."""
        seconds = back_off(self._failures)
        if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.ENETUNREACH:
            seconds = min(seconds, 1.0)  # it bothers nobody
            cards = [f"{nic['name']} ({'link' if nic['link'] else 'no link'})" for nic in nics(self.settings.played)]
            message = f"waiting for an address on {', '.join(cards) or 'a network card: none has a driver here'}"
        else:
            known = isinstance(error, (UnreachableError, OrderError, OSError))
            message = str(error) if known else repr(error)
        if message != self._said[0] or time.monotonic() > self._said[1] + _SAY_AGAIN:
            self._said = message, time.monotonic()
            self.say(f"{message}; trying again in {seconds:.1f} s")
        return seconds

    def wait(self, seconds: float) -> None:
        """About so long, at most five minutes."""
        time.sleep(min(max(seconds, 0.1), _INTERVAL) * (0.8 + 0.4 * random.random()))  # noqa: S311 - no secret

    def _remember(self, session: str) -> None:
        self.admin.session = self._boot["session"] = session
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(self._memory, flags, 0o600), "w", encoding="utf-8") as file:
            json.dump(self._boot, file)

    def _register(self) -> None:
        known = identity(self.settings.played)
        boot_mac = self.settings.boot_mac or next(iter(known["macs"]), "")
        about = {"protocol": 1, "agent": VERSION, "token": self.settings.token, "boot_mac": boot_mac, "identity": known}
        status, answer = self.admin.post("/v1/agent/register", {**about, "boot_id": self._boot["boot_id"]})
        message = str(answer.get("message", ""))
        if status == HTTPStatus.OK:
            machine = text(answer, "machine", 255)
            self._remember(text(answer, "session", 255))
            self.say(f"registered as {machine}. {message}".strip())
        elif status == HTTPStatus.ACCEPTED:
            interval = answer.get("interval")
            self.say(message or f"waiting to be approved at {self.settings.url}")
            self.wait(interval if isinstance(interval, (int, float)) and interval > 0 else 10.0)
        else:
            raise OrderError(f"not registered ({status}): {message or 'no reason was given'}")

    def _look(self) -> dict[str, str]:
        self.say("looking at the hardware")
        self._raw = collect(self.settings.played)
        return self._raw

    def send_inventory(self, *, anew: bool = False) -> None:
        """Tell what the hardware is: as it was looked at while there was no network, or as it is now."""
        seen = fingerprint(self.settings.played)
        raw = self._look() if anew or self._raw is None else self._raw
        status, answer = self.admin.post("/v1/agent/inventory", {"raw": raw}, 60.0)
        if status != HTTPStatus.OK:
            raise OrderError(f"the inventory was refused ({status}): {answer.get('message', 'no reason was given')}")
        self.say(str(answer.get("message") or "the inventory was taken; waiting for orders"))
        self._raw, self._seen = None, seen

    def _ask(self) -> None:
        status, answer = self.admin.post("/v1/agent/orders/next", {}, 45.0)
        if status != HTTPStatus.OK:
            raise OrderError(f"no orders to be had ({status}): {answer.get('message', 'no reason was given')}")
        order = answer.get("order")
        if isinstance(order, dict):
            self.obey(order)
        elif fingerprint(self.settings.played) != self._seen:
            self.say("there is more hardware to see now")
            self._seen = None

    def obey(self, order: Mapping[str, Any]) -> None:
        """Do one order, and tell how it ended until that is heard. Raises SessionOverError."""
        path = f"/v1/agent/orders/{line({'id': str(order.get('id'))}, 'id', _ID)}"
        kind = text(order, "kind", 64)

        def running(progress: int, message: str) -> None:
            with contextlib.suppress(UnreachableError):  # it will be told next time
                self._tell(path, "running", progress, message, 5.0)

        self.say(f"ordered to {kind}")
        with Reporting(running, lambda message: self.say(f"{kind}: {message}")) as report:
            status, message = self._do(kind, order.get("params"), report)
        self.say(f"{kind} {status}: {message}")
        while True:
            try:
                self._tell(path, status, 100 if status == "succeeded" else 0, message, 20.0)
                break
            except UnreachableError as error:
                self.say(f"{error}; telling again how the order ended")
                self.wait(2)
        if status == "succeeded" and (last := last_step(kind, order.get("params"))):
            leave(last)

    def _do(self, kind: str, params: object, report: Report) -> tuple[str, str]:
        if (kind not in ORDERS and kind not in LAST_ORDERS) or not isinstance(params, dict):
            return "failed", f"this agent knows no order {kind!r} of this form"
        if kind in LAST_ORDERS:
            return "succeeded", f"going to {kind}"
        try:
            return "succeeded", ORDERS[kind](self, params, report)
        except OrderError as fault:
            return "failed", str(fault)
        except SessionOverError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the operator is told, and the agent goes on
            return "failed", repr(error)

    def _tell(self, path: str, status: str, progress: int, message: str, patience: float) -> None:
        body = {"status": status, "progress": progress, "message": message[:2000]}
        answered, answer = self.admin.post(path, body, patience)
        if answered != HTTPStatus.OK:
            raise OrderError(f"the order is withdrawn ({answered}): {answer.get('message', 'no reason was given')}")


def back_off(failures: int) -> float:
    """Seconds: longer after each failure, and never together with a thousand others."""
    return min(_BACK_OFF, 0.2 * 2.0 ** min(failures, 10)) * (0.5 + random.random() / 2)  # noqa: S311 - no secret
