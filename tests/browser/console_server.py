"""The real console's files and headers in front of canned answers: for looks and accessibility, never for behaviour.

Every answer is built from the API's own view models (samples.py), so that it can't drift from what the API sends.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import samples
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from chargehand.api import console
from chargehand.api.headers import SecurityHeaders

PROBLEM = "application/problem+json"


def problem(status: int, detail: str) -> JSONResponse:
    document = {"type": "urn:chargehand:sample", "title": "Sample", "status": status, "detail": detail, "instance": ""}
    return JSONResponse(document, status, media_type=PROBLEM)


def create() -> FastAPI:
    """`X-Sample-State` (or the cookie `state`) chooses: empty, error, forbidden, slow; otherwise full."""
    app = FastAPI(openapi_url=None)

    @app.get("/api/live")
    @app.get("/api/runs/{run}/events")
    async def live(request: Request, run: str = "") -> StreamingResponse:
        async def events() -> Any:
            if not run:
                counts = json.dumps({"kind": "counts", "id": "", "state": "", "detail": {}, "counts": samples.COUNTS})
                yield f"event: counts\nid: 1\ndata: {counts}\n\n"
            while not await request.is_disconnected():  # noqa: ASYNC110  # Starlette has no event for it
                await asyncio.sleep(0.2)

        return StreamingResponse(events(), media_type="text/event-stream")

    @app.api_route("/api/{path:path}", methods=["GET", "POST", "PUT", "DELETE", "PATCH"])
    async def answer(path: str, request: Request) -> Response:
        state = request.cookies.get("state", "full")
        if path == "session":
            if state == "signed-out":
                return problem(401, "This needs a signed-in person.")
            return JSONResponse(samples.me(state))
        if path == "freezes" and state != "frozen":
            return JSONResponse([])
        if state == "forbidden":
            return problem(403, "Amy Chen does not hold a role that grants “read_runs”.")
        if state == "error":
            return problem(503, "The database could not be read: it does not answer.")
        if state == "slow":
            await asyncio.sleep(60)
        found = samples.answer(request.method, path, dict(request.query_params), empty=state == "empty")
        return problem(404, f"There is no {path}.") if found is None else JSONResponse(found)

    app.include_router(console.router)
    app.add_middleware(SecurityHeaders)
    return app


@contextmanager
def serving() -> Iterator[str]:
    """Its address while it serves."""
    server = uvicorn.Server(uvicorn.Config(create(), port=0, log_level="error", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        pass
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
