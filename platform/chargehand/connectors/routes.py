"""Connectors over HTTP: health, tools with their pins, quarantine and review."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request

from chargehand import clock
from chargehand.connectors.model import Connector
from chargehand.connectors.pool import Health
from chargehand.connectors.quarantine import Quarantined
from chargehand.connectors.service import ConnectorService, ToolStatus
from chargehand.connectors.views import (
    AcceptPin,
    ConnectorHealth,
    ConnectorSummary,
    ConnectorView,
    QuarantinedTool,
    ToolView,
)
from chargehand.identity.model import SignedIn
from chargehand.identity.routes import may

router = APIRouter(tags=["connectors"])
Reader = Annotated[SignedIn, may("read_connectors")]
Reviewer = Annotated[SignedIn, may("review_pins")]


def _connectors(request: Request) -> ConnectorService:
    return request.app.state.connectors


@router.get("/connectors", operation_id="listConnectors")
async def list_connectors(request: Request, _who: Reader) -> list[ConnectorSummary]:
    """Connected systems; ask for their health with `checkConnectors`."""
    service = _connectors(request)
    tools = await service.tools()
    return [_summary(connector, tools) for connector in service.connectors()]


@router.post("/connectors/check", operation_id="checkConnectors")
async def check_connectors(request: Request, _who: Reader) -> list[ConnectorHealth]:
    """Ask every system now."""
    return [_health(health) for health in await _connectors(request).health()]


@router.get("/connectors/{connector}", operation_id="getConnector")
async def get_connector(connector: str, request: Request, _who: Reader) -> ConnectorView:
    """One connector with its tools."""
    service = _connectors(request)
    found = service.connector(connector)
    tools = await service.tools(connector)
    return ConnectorView(
        **_summary(found, tools).model_dump(),
        credentials=list(found.environment),
        tool_list=[_tool(tool) for tool in tools],
    )


@router.post("/connectors/{connector}/check", operation_id="checkConnector")
async def check_connector(connector: str, request: Request, _who: Reader) -> ConnectorHealth:
    """Ask this system now."""
    return _health((await _connectors(request).health(connector))[0])


@router.get("/tools", operation_id="listTools")
async def list_tools(request: Request, _who: Reader, connector: str = "") -> list[ToolView]:
    """Tools with effect, delivery and pin status."""
    return [_tool(tool) for tool in await _connectors(request).tools(connector)]


@router.get("/quarantine", operation_id="listQuarantine")
async def quarantine(request: Request, _who: Reader) -> list[QuarantinedTool]:
    """Tools whose definition has changed since its review, with the difference line by line."""
    return [_quarantined(one) for one in await _connectors(request).waiting()]


@router.post("/quarantine/{tool}/accept", operation_id="acceptTool")
async def accept(tool: str, body: AcceptPin, request: Request, who: Reviewer) -> ToolView:
    """Pin the definition that has this digest: it was reviewed and may be called again."""
    service = _connectors(request)
    await service.accept(tool, by=who, live_digest=body.digest)
    return await _one(service, tool)


@router.post("/quarantine/{tool}/dismiss", operation_id="dismissTool")
async def dismiss(tool: str, request: Request, who: Reviewer) -> ToolView:
    """End the quarantine of a tool that is as pinned again."""
    service = _connectors(request)
    await service.dismiss(tool, by=who)
    return await _one(service, tool)


async def _one(service: ConnectorService, tool: str) -> ToolView:
    found = await service.tools(tool.partition(".")[0])
    return next(_tool(each) for each in found if each.tool == tool)


def _summary(connector: Connector, tools: list[ToolStatus]) -> ConnectorSummary:
    own = [tool for tool in tools if tool.connector == connector.name]
    return ConnectorSummary(
        name=connector.name,
        title=connector.title,
        description=connector.description,
        ours=connector.is_ours,
        tools=len(own),
        blocked=sum(tool.pin != "pinned" for tool in own),
    )


def _tool(tool: ToolStatus) -> ToolView:
    return ToolView(
        name=tool.tool,
        connector=tool.connector,
        description=tool.description,
        says=tool.says,
        says_zh=tool.says_zh,
        effect=tool.effect,
        delivery=tool.delivery,
        pin=tool.pin,
        digest=tool.digest,
        lookup=tool.lookup,
        compensated_by=tool.compensated_by,
        input_schema=dict(tool.input_schema),
    )


def _health(health: Health) -> ConnectorHealth:
    seconds = health.answered_in_seconds
    return ConnectorHealth(
        connector=health.connector,
        state=health.state,
        detail=health.detail,
        tools=health.tools,
        milliseconds=None if seconds is None else round(seconds * 1000),
        checked_at=clock.now(),
    )


def _quarantined(one: Quarantined) -> QuarantinedTool:
    return QuarantinedTool(
        tool=one.tool,
        connector=one.connector,
        kind=one.kind,
        lines=list(one.lines),
        pinned_digest=one.pinned_digest,
        live_digest=one.live_digest,
        live=None if one.live is None else dict(one.live),
        first_seen=one.first_seen,
    )
