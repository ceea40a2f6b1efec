"""The agent's protocol: register, inventory, orders."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from itertools import count
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from crowbar.api.bodies import INVENTORY, InventoryBody, RegisterBody, ReportBody, read
from crowbar.api.desk import Desk
from crowbar.services.discovery import inspection, orders, registration
from crowbar.services.discovery.orders import Handed
from crowbar.services.discovery.registration import Admission
from crowbar.services.machines.images import size_of_newest
from crowbar.store.machine_model import Network
from crowbar_inventory.rules import MINIMUM

_ASK_AGAIN = 2  # seconds for one that is let in, between its questions
_WAITING = 10  # and for one that waits for a person
_STATUS = {Admission.ADMITTED: 200, Admission.WAITING: 202, Admission.REFUSED: 403}


class _Calls:
    """The four calls of an agent. All but the first need the session that the first one gave."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._questions = count(1)
        self._newest: dict[str, int] = {}  # by machine

    async def register(self, request: Request) -> JSONResponse:
        said = (await read(request, RegisterBody)).registration()
        network = await run_in_threadpool(_network_of, self._desk, request.client.host if request.client else "")
        answer = await run_in_threadpool(registration.register, self._desk.store, said, network)
        interval = _WAITING if answer.admission is Admission.WAITING else _ASK_AGAIN
        content: dict[str, Any] = {"message": answer.message, "machine": answer.machine, "interval": interval}
        if answer.admission is Admission.ADMITTED:
            content["session"] = answer.session
        return JSONResponse(content, _STATUS[answer.admission])

    async def inventory(self, request: Request) -> dict[str, Any]:
        name = await self._machine(request)
        try:
            body = await read(request, InventoryBody, INVENTORY)
        except HTTPException as error:
            await run_in_threadpool(inspection.refuse, self._desk.store, name, str(error.detail))
            raise
        message = await run_in_threadpool(_take, self._desk, name, body.raw)
        return {"machine": name, "message": message}

    async def next_order(self, request: Request) -> dict[str, Any]:
        order = await self._await_order(request)
        if order is None:
            return {"order": None, "message": "There is nothing to do yet."}
        return {"order": {"id": order.id, "kind": order.kind.value, "params": order.params}, "message": ""}

    async def report(self, request: Request, number: int) -> dict[str, Any]:
        name = await self._machine(request)
        body = await read(request, ReportBody)
        words = (name, number, body.order_status, body.progress, body.message)
        if not await run_in_threadpool(orders.report, self._desk.store, *words):
            raise HTTPException(404, f"{name} has no order {number} any more.")
        return {"message": ""}

    async def _machine(self, request: Request) -> str:
        kind, _, session = request.headers.get("authorization", "").partition(" ")
        name = await run_in_threadpool(self._desk.store.boots.by_session, session) if kind == "Bearer" else None
        if name is None:
            raise HTTPException(409, "This session is over: register again.")
        return name

    async def _await_order(self, request: Request) -> Handed | None:
        """The machine's next order, as soon as there is one.

        A question may outlive the one who asked: a machine that lost its power closes no connection. So who asks is
        looked at again before an order is handed over, and a newer question ends the older.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._desk.patience
        question = next(self._questions)
        while True:
            machine = await self._machine(request)
            if self._newest.setdefault(machine, question) > question:
                return None
            self._newest[machine] = question
            order = await run_in_threadpool(orders.next_order, self._desk.store, machine)
            if order is not None or clock() >= deadline:
                return order
            if not await self._desk.bell.rung(machine, deadline - clock()):
                return None


def routes(desk: Desk) -> APIRouter:
    """The calls at their addresses."""
    calls = _Calls(desk)
    router = APIRouter(prefix="/v1/agent")
    router.add_api_route("/register", calls.register, methods=["POST"])
    router.add_api_route("/inventory", calls.inventory, methods=["POST"])
    router.add_api_route("/orders/next", calls.next_order, methods=["POST"])
    router.add_api_route("/orders/{number}", calls.report, methods=["POST"])
    return router


def _take(desk: Desk, name: str, raw: Mapping[str, str]) -> str:
    return inspection.take(desk.store, name, raw, desk.rules, max(MINIMUM, size_of_newest(desk.images)))


def _network_of(desk: Desk, address: str) -> Network | None:
    """The network that a caller is in, if it is one of ours."""
    try:
        where = ip_address(address)
    except ValueError:
        return None
    return next((one for one in desk.store.networks.list() if where in ip_network(one.subnet)), None)
