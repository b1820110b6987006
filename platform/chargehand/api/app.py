"""The HTTP door: routers in, problem documents out. What stands behind it is put on `app.state` by `api.house`."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI, Request

from chargehand.agents.routes import router as agents
from chargehand.api.live import router as live
from chargehand.api.openapi import finish
from chargehand.api.people import router as people
from chargehand.api.views import Health
from chargehand.approvals.routes import router as approvals
from chargehand.audit.routes import router as audit
from chargehand.connectors.routes import router as connectors
from chargehand.gateway.routes import router as gateway
from chargehand.identity.routes import router as identity
from chargehand.models.routes import router as models
from chargehand.policy.routes import router as policy
from chargehand.risk.routes import router as risk
from chargehand.runs.routes import router as runs

_PROBLEMS = {
    401: "Not signed in",
    403: "Signed in, and not allowed",
    404: "Nothing by that name in this tenant",
    409: "It changed after you looked, or was already decided",
    422: "That input can't be used; each problem names its field",
    429: "Too many attempts; `Retry-After` says when to try again",
    503: "Something we need does not answer; try again",
}


def problems() -> dict[int | str, dict[str, Any]]:
    """The documented error answers that every operation shares."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": text, "content": content} for status, text in _PROBLEMS.items()}


health_router = APIRouter(tags=["health"])


@health_router.get("/health", operation_id="getHealth")
async def get_health(request: Request) -> Health:
    """Whether this process can do its work."""
    return await request.app.state.health()


def create_app() -> FastAPI:
    """The application without what stands behind it: enough to print the OpenAPI document."""
    app = FastAPI(
        title="Chargehand",
        version=version("chargehand"),
        summary="Digital employees that a company can trust with its real systems.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    api = APIRouter(prefix="/api", responses=problems())
    for router in (
        health_router, identity, agents, runs, approvals, audit, policy, connectors, gateway, risk, models, people, live,
    ):  # fmt: skip
        api.include_router(router)
    app.include_router(api)
    build = app.openapi
    app.openapi = lambda: finish(app, build())
    return app
