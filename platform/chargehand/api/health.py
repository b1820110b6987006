"""Health, the one thing that is shown without signing in, and the OpenAPI document, which is not."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Request
from sqlalchemy import text

from chargehand.api.views import Health
from chargehand.database import Database
from chargehand.errors import DatabaseUnavailable
from chargehand.identity.routes import Caller

router = APIRouter(tags=["health"])


@router.get("/health", operation_id="getHealth")
async def get_health(request: Request) -> Health:
    """Whether this process can do its work: no more than a load balancer needs."""
    db: Database = request.app.state.db
    try:
        await db.read(lambda connection: connection.execute(text("SELECT 1")).scalar())
    except DatabaseUnavailable:
        return Health(status="degraded", version=version("chargehand"))
    return Health(status="ok", version=version("chargehand"))


@router.get("/openapi.json", include_in_schema=False)
async def get_openapi(request: Request, _who: Caller) -> dict[str, Any]:
    """The OpenAPI document of this API."""
    return request.app.openapi()
