"""What agents send, checked: sizes before anything is read into memory, types before anything is believed."""

from __future__ import annotations

import asyncio
import re
from typing import Annotated, Any, Literal, TypeVar

from fastapi import HTTPException, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from crowbar.services.discovery.registration import Registration
from crowbar.store.machine_model import OrderStatus
from crowbar_inventory.identity import read_identity

SMALL = 64 << 10  # bytes; all but the inventory
INVENTORY = 8 << 20
BODY_WITHIN = 30.0  # seconds
_HANG_UP = {"Connection": "close"}  # the rest of the body is not waited for
_RAW_NAMES = 64
_MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")

Model = TypeVar("Model", bound=BaseModel)


def _mac(text: str) -> str:
    lower = text.lower().replace("-", ":")
    if not _MAC.fullmatch(lower):
        raise ValueError("this is no MAC address like 52:54:00:12:34:56")
    return lower


Mac = Annotated[str, AfterValidator(_mac)]
Word = Annotated[str, StringConstraints(max_length=256, strip_whitespace=True)]


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)


class IdentityBody(_Body):
    """What a machine says it is."""

    uuid: Word = ""
    serial: Word = ""
    macs: list[Mac] = Field(min_length=1, max_length=64)


class RegisterBody(_Body):
    """An agent that has just started."""

    protocol: Literal[1]
    token: Annotated[str, StringConstraints(max_length=128)] | None = None
    boot_mac: Mac
    identity: IdentityBody
    boot_id: Annotated[str, StringConstraints(min_length=8, max_length=64)]
    agent: Word = ""

    def registration(self) -> Registration:
        """As the service knows it."""
        who = self.identity
        identity = read_identity(who.uuid, who.serial, (*who.macs, self.boot_mac))
        return Registration(self.token or "", self.boot_mac, identity, self.boot_id, self.agent)


class InventoryBody(_Body):
    """The raw outputs of one inspection."""

    raw: dict[Annotated[str, StringConstraints(max_length=32)], str] = Field(max_length=_RAW_NAMES)


class ReportBody(_Body):
    """How an order goes."""

    status: Literal["running", "succeeded", "failed"]
    progress: int = Field(default=0, ge=0, le=100)
    message: Annotated[str, StringConstraints(max_length=4096)] = ""

    @property
    def order_status(self) -> OrderStatus:
        """As the store knows it."""
        return OrderStatus(self.status)


async def read(request: Request, model: type[Model], limit: int = SMALL) -> Model:
    """The request's body as ``model``.

    Answers 413 for more than ``limit`` bytes, 408 for one that is not there in time, 400 for anything else than JSON.
    """
    try:
        async with asyncio.timeout(BODY_WITHIN):
            data = await _received(request, limit)
    except TimeoutError as error:
        raise HTTPException(408, f"The body was not there within {BODY_WITHIN:g} seconds.", _HANG_UP) from error
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise HTTPException(400, _first_faults(error)) from error


async def _received(request: Request, limit: int) -> bytes:
    data = bytearray()
    async for block in request.stream():
        data += block
        if len(data) > limit:
            raise HTTPException(413, f"The body is larger than {limit} bytes.", _HANG_UP)
    return bytes(data)


def _first_faults(error: ValidationError) -> str:
    faults: list[Any] = error.errors(include_url=False, include_input=False, include_context=False)
    shown = [f"{'/'.join(map(str, fault['loc'])) or 'body'}: {fault['msg']}" for fault in faults[:5]]
    return "; ".join(shown)
