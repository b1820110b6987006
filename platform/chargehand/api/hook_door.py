"""POST /hooks/{hook}: where senders outside deliver. No cookie and no token counts here, only the signature.

Outside of /api, so that a reverse proxy may open this path alone to the world.
"""

from __future__ import annotations

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import JSONResponse

from chargehand.errors import NotSignedIn
from chargehand.runs.triggers.hooks import MAX_BODY_BYTES, Hooks

router = APIRouter()


@router.post("/hooks/{hook}", include_in_schema=False)
async def deliver(hook: str, request: Request) -> JSONResponse:
    """202 with the run that was started; 200 with the same run when the message had come before."""
    hooks: Hooks = request.app.state.hooks
    body, too_big = await _body(request)
    address = request.client.host if request.client else ""
    headers = {name.lower(): value for name, value in reversed(request.headers.items())}  # the first of its name counts
    try:
        found = await hooks.deliver(hook, headers, body, address=address, too_big=too_big)
    except NotSignedIn:
        if too_big:
            raise HTTPException(413, f"A delivery has at most {MAX_BODY_BYTES} bytes.") from None
        raise
    return JSONResponse({"run": found.run, "repeated": found.outcome == "repeated"}, found.status)


async def _body(request: Request) -> tuple[bytes, bool]:
    """What was sent, read only as far as is allowed; and whether it was more."""
    read = bytearray()
    async for part in request.stream():
        read += part
        if len(read) > MAX_BODY_BYTES:
            return bytes(read[:MAX_BODY_BYTES]), True
    return bytes(read), False
