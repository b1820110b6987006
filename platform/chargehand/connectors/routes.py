"""Connectors over HTTP: health, tools with their pins, quarantine and review."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request

from chargehand.connectors.views import (
    AcceptPin,
    ConnectorHealth,
    ConnectorSummary,
    ConnectorView,
    Quarantined,
    ToolView,
)
from chargehand.identity.model import SignedIn
from chargehand.identity.routes import may

router = APIRouter(tags=["connectors"])
Reader = Annotated[SignedIn, may("read_connectors")]


def _connectors(request: Request) -> Any:
    return request.app.state.connectors


@router.get("/connectors", operation_id="listConnectors")
async def list_connectors(request: Request, who: Reader) -> list[ConnectorSummary]:
    """Connected systems and how they do."""
    return await _connectors(request).list(who)


@router.get("/connectors/{connector}", operation_id="getConnector")
async def get_connector(connector: str, request: Request, who: Reader) -> ConnectorView:
    """One connector with its tools."""
    return await _connectors(request).get(who, connector)


@router.post("/connectors/{connector}/check", operation_id="checkConnector")
async def check_connector(connector: str, request: Request, who: Reader) -> ConnectorHealth:
    """Ask the system now, by its own read."""
    return await _connectors(request).check(who, connector)


@router.get("/tools", operation_id="listTools")
async def list_tools(request: Request, who: Reader, connector: str = "") -> list[ToolView]:
    """Tools with effect, delivery and pin status."""
    return await _connectors(request).tools(who, connector)


@router.get("/quarantine", operation_id="listQuarantine")
async def quarantine(request: Request, who: Reader) -> list[Quarantined]:
    """Tools whose definition was not reviewed or has changed, with the difference."""
    return await _connectors(request).quarantine(who)


@router.post("/tools/{tool}/accept", operation_id="acceptTool")
async def accept(
    tool: str, body: AcceptPin, request: Request, who: Annotated[SignedIn, may("review_pins")]
) -> ToolView:
    """Pin the definition that has this digest; its effect and delivery are the reviewer's finding."""
    return await _connectors(request).accept(who, tool, body)
