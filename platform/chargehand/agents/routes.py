"""Agents over HTTP: what may be started, what it looks like, what it may do and who may have to agree."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from chargehand.agents.views import Agent, AgentSummary, Graph
from chargehand.identity.routes import Caller

router = APIRouter(prefix="/agents", tags=["agents"])


def _agents(request: Request) -> Any:
    return request.app.state.agents


@router.get("", operation_id="listAgents")
async def list_agents(request: Request, who: Caller) -> list[AgentSummary]:
    """Agents of this installation."""
    return await _agents(request).list(who)


@router.get("/{agent}", operation_id="getAgent")
async def get_agent(agent: str, request: Request, who: Caller) -> Agent:
    """One agent: input schema, graph, tools, and who may have to approve what."""
    return await _agents(request).get(who, agent)


@router.get("/{agent}/graph", operation_id="getAgentGraph")
async def get_agent_graph(agent: str, request: Request, who: Caller) -> Graph:
    """The graph as nodes, edges and Mermaid text."""
    return await _agents(request).graph(who, agent)
