"""The console's one live stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated

from fastapi import APIRouter, Header, Request
from fastapi.responses import StreamingResponse
from sse_starlette import EventSourceResponse, ServerSentEvent

from chargehand.api.feed import Feed
from chargehand.api.views import LiveEvent
from chargehand.identity.model import SignedIn
from chargehand.identity.routes import Caller, able

router = APIRouter(tags=["live"])
PING_SECONDS = 15
RETRY_MILLISECONDS = 2_000


@router.get(
    "/live",
    operation_id="live",
    response_class=StreamingResponse,
    responses={200: {"model": LiveEvent, "content": {"text/event-stream": {}}, "description": "Named by `kind`"}},
)
async def live(
    request: Request, who: Caller, last_event_id: Annotated[int | None, Header(ge=0)] = None
) -> EventSourceResponse:
    """Counts and changes of what I may see; resumes after `Last-Event-ID`. A comment every 15 s keeps it alive.

    An event says what to look at again; `reset` says: at everything.
    """
    feed: Feed = request.app.state.feed
    return EventSourceResponse(_told(feed, request, who, last_event_id), ping=PING_SECONDS)


async def _told(feed: Feed, request: Request, who: SignedIn, after: int | None) -> AsyncGenerator[ServerSentEvent]:
    async for position, event in feed.events(who, able(request, who), after):
        yield ServerSentEvent(
            event.model_dump_json(), event=event.kind, id=str(max(position, 0)), retry=RETRY_MILLISECONDS
        )
