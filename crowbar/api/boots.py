"""What firmware and ramdisks fetch: the boot script, the discovery system, and images."""

from __future__ import annotations

import re
from pathlib import Path

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import FileResponse, PlainTextResponse
from starlette.concurrency import run_in_threadpool

from crowbar.api.desk import Desk
from crowbar.errors import InputError
from crowbar.provision.boot.binaries import UEFI_FILE, find_binaries
from crowbar.provision.boot.request import parse_request
from crowbar.provision.dnsmasq.render import UEFI_HTTP_PATH
from crowbar.services.discovery.booting import boot_script

_DIGEST = re.compile(r"[0-9a-f]{16,64}")
_SYSTEM_FILES = ("vmlinuz", "initrd")


def routes(desk: Desk) -> APIRouter:
    """All of them are read by whoever asks: none holds a secret but the boot script, whose token works once."""
    router = APIRouter()

    @router.get("/boot.ipxe")
    async def script(request: Request) -> PlainTextResponse:
        try:
            asked = parse_request(request.url.query)
        except InputError as error:
            raise HTTPException(400, str(error)) from error
        text = await run_in_threadpool(boot_script, desk.store, desk.offer, asked)
        return PlainTextResponse(text)

    @router.get("/discovery/{digest}/{name}")
    async def system(digest: str, name: str) -> FileResponse:
        if digest != desk.offer.discovery or name not in _SYSTEM_FILES:
            raise HTTPException(404, "This is no part of the discovery system.")
        return FileResponse(desk.discovery / name, media_type="application/octet-stream")

    @router.get("/images/{digest}.raw.zst")
    async def image(digest: str) -> FileResponse:
        path = _image(desk.images, digest)
        return FileResponse(path, media_type="application/zstd")

    async def loader() -> FileResponse:
        return FileResponse(find_binaries()[UEFI_FILE], media_type="application/efi")

    # Firmware that boots by HTTP asks for the size first.
    router.add_api_route(UEFI_HTTP_PATH, loader, methods=["GET", "HEAD"])
    return router


def _image(folder: Path, digest: str) -> Path:
    if _DIGEST.fullmatch(digest):
        for path in folder.iterdir():  # a path is found, never made of what somebody sent
            if path.name == f"{digest}.raw.zst":
                return path
    raise HTTPException(404, "There is no such image.")
