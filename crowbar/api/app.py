"""The application: its routes, its errors as messages for a console, and its life."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from crowbar.api import agents, boots
from crowbar.api.desk import Desk
from crowbar.api.measured import Measured
from crowbar.errors import CrowbarError

# Answers are made of short questions to the database, and parsing: more threads only wait for each other, and hold up
# the one that reads and writes for all.
_THREADS = 6
# SQLite's calls give the interpreter away and must get it back: by Python's default of 5 ms, a transaction of ten
# statements takes 50 ms more as soon as another thread computes, and all other writers wait for it.
_SWITCH = 0.0005  # seconds


def make_app(desk: Desk) -> FastAPI:
    """The application of one admin node."""

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        current_default_thread_limiter().total_tokens = _THREADS
        sys.setswitchinterval(_SWITCH)
        watching = asyncio.create_task(desk.bell.watch())
        try:
            yield
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    # Machines need no schema pages, and who is in the admin network shall not learn more than it must.
    app = FastAPI(title="Crowbar", lifespan=life, docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(Measured, traffic=desk.traffic)
    app.include_router(agents.routes(desk))
    app.include_router(boots.routes(desk))

    @app.exception_handler(HTTPException)
    async def told(_request: Request, error: Exception) -> JSONResponse:
        status = error.status_code if isinstance(error, HTTPException) else 500
        detail = error.detail if isinstance(error, HTTPException) else ""
        headers = error.headers if isinstance(error, HTTPException) else None
        return JSONResponse({"message": str(detail)}, status, headers)

    @app.exception_handler(CrowbarError)
    async def failed(_request: Request, error: Exception) -> JSONResponse:
        desk.log.error("request failed", error=str(error))
        return JSONResponse({"message": "Crowbar cannot answer now; see the log of `crowbar serve`."}, 503)

    return app
