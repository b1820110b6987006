"""Usage and cost over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request

from chargehand.identity.model import SignedIn
from chargehand.identity.routes import may
from chargehand.models.views import Usage, UsageBy

router = APIRouter(tags=["usage"])


@router.get("/usage", operation_id="getUsage")
async def usage(
    request: Request,
    who: Annotated[SignedIn, may("read_usage")],
    since: datetime | None = None,
    until: datetime | None = None,
    by: UsageBy = "agent",
) -> Usage:
    """Calls, tokens and cost by day and group; default: the last 30 days."""
    service: Any = request.app.state.usage
    return await service.usage(who, since=since, until=until, by=by)
