"""The console's one live stream."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse

from chargehand.api.views import LiveEvent
from chargehand.identity.routes import Caller

router = APIRouter(tags=["live"])


@router.get(
    "/live",
    operation_id="live",
    response_class=StreamingResponse,
    responses={200: {"model": LiveEvent, "content": {"text/event-stream": {}}, "description": "Named events"}},
)
async def live(request: Request, who: Caller, last_event_id: Annotated[str, Header()] = "") -> StreamingResponse:
    """Counts and changes of what I may see; resumes after `Last-Event-ID`. A comment every 15 s keeps it alive."""
    service: Any = request.app.state.live
    return await service.stream(who, last_event_id)
