"""The HTTP door: routers in, problem documents out. What stands behind it is put on `app.state` by `api.house`."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.middleware.gzip import GZipMiddleware
from starlette.routing import Route

from chargehand.agents.routes import router as agents
from chargehand.api import console, openapi, problems
from chargehand.api.gate import Gate
from chargehand.api.headers import SecurityHeaders
from chargehand.api.health import router as health
from chargehand.api.hook_door import router as hook_door
from chargehand.api.live import router as live
from chargehand.api.mcp import Endpoint
from chargehand.api.people import router as people
from chargehand.api.tracing import Traced
from chargehand.api.usage import router as usage
from chargehand.approvals.routes import router as approvals
from chargehand.audit.forgetting_routes import router as forgetting
from chargehand.audit.routes import router as audit
from chargehand.connectors.routes import router as connectors
from chargehand.gateway.routes import router as gateway
from chargehand.identity.routes import router as identity
from chargehand.policy.routes import router as policy
from chargehand.risk.routes import router as risk
from chargehand.runs.routes import router as runs
from chargehand.runs.triggers.hook_routes import router as hooks
from chargehand.runs.triggers.intake_routes import router as intakes
from chargehand.runs.triggers.schedule_routes import router as schedules

ROUTERS = (
    health,
    identity,
    agents,
    runs,
    schedules,
    hooks,
    intakes,
    approvals,
    audit,
    forgetting,
    policy,
    connectors,
    gateway,
    risk,
    usage,
    people,
    live,
)

DESCRIPTION = """\
Sign in with a session cookie (`signIn`) or an API token (`Authorization: Bearer chg_…`). With a cookie, every request
that changes something also sends the header `X-Chargehand: 1`. Errors are problem documents (RFC 9457); their
`instance` holds the id by which the log finds them. An operation that needs more than being signed in names the
ability in `x-chargehand-ability`.
"""


# FastAPI would keep spans of its own, with paths, queries and texts of exceptions, in a trace that the caller names.
NO_TELEMETRY: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}


def create_app() -> FastAPI:
    """The application without what stands behind it: enough to print the OpenAPI document."""
    app = FastAPI(
        title="Chargehand",
        version=version("chargehand"),
        summary="Digital employees that a company can trust with its real systems.",
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        telemetry=NO_TELEMETRY,
    )
    api = APIRouter(prefix="/api", responses=openapi.problems())
    for router in ROUTERS:
        api.include_router(router)
    app.include_router(api)
    app.include_router(hook_door)
    endpoint = Endpoint(app)
    app.state.mcp = endpoint
    app.router.routes.append(Route("/mcp", endpoint, include_in_schema=False))
    app.include_router(console.router)
    problems.install(app)
    for middleware in (Gate, problems.Problems, GZipMiddleware, SecurityHeaders, Traced):  # from the inside out
        app.add_middleware(middleware)
    build = app.openapi

    def document() -> dict[str, Any]:
        return openapi.finish(ROUTERS, build())

    app.openapi = document
    return app
