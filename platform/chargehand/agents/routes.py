"""Agents over HTTP: what may be started, what it looks like, what it may do and who may have to agree."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request

from chargehand.agents.catalog import AgentCatalog
from chargehand.agents.model import AgentSpec
from chargehand.agents.outlook import Outlook
from chargehand.agents.reviews import AgentReviews
from chargehand.agents.show import graph_of, review, summary
from chargehand.agents.views import Agent, AgentReviewView, AgentSummary, Graph, NewAgentReview
from chargehand.identity.model import SignedIn
from chargehand.identity.routes import Caller, may
from chargehand.identity.service import Identity
from chargehand.risk.freeze import FreezeService

router = APIRouter(prefix="/agents", tags=["agents"])


AgentReviewer = Annotated[SignedIn, may("review_agents")]


def _agents(request: Request) -> AgentCatalog:
    return request.app.state.agents


def _outlook(request: Request) -> Outlook:
    return request.app.state.outlook


async def _frozen(request: Request, who: SignedIn) -> set[str]:
    freezes: FreezeService = request.app.state.freezes
    return {freeze.name for freeze in await freezes.list(who) if freeze.scope in ("agent", "tenant")}


def _summary(request: Request, who: SignedIn, spec: AgentSpec, frozen: set[str]) -> AgentSummary:
    outlook = _outlook(request)
    tools = outlook.tools(who, spec)
    return summary(
        spec,
        may_start=outlook.may_start(who, spec),
        may_ask=any("ask" in tool.possible for tool in tools),
        frozen=spec.principal in frozen or "" in frozen,
    )


@router.get("", operation_id="listAgents")
async def list_agents(request: Request, who: Caller) -> list[AgentSummary]:
    """Agents of this installation."""
    frozen = await _frozen(request, who)
    return [_summary(request, who, spec, frozen) for spec in _agents(request).values()]


@router.get("/{agent}", operation_id="getAgent")
async def get_agent(agent: str, request: Request, who: Caller) -> Agent:
    """One agent: input schema, graph, tools, and who may have to approve what."""
    spec = _agents(request).find(agent)
    shown = _summary(request, who, spec, await _frozen(request, who))
    found = await _reviews(request).last(who.principal.tenant, spec.name)
    names = await _identity(request).names(who.principal.tenant, {found.person} if found else set())
    return Agent(
        **shown.model_dump(),
        input_schema=dict(spec.input_schema),
        output_schema=dict(spec.output_schema),
        graph=graph_of(spec),
        tools=_outlook(request).tools(who, spec),
        last_review=review(found, spec, names) if found else None,
    )


@router.post("/{agent}/reviews", operation_id="reviewAgent", status_code=201)
async def review_agent(agent: str, body: NewAgentReview, request: Request, who: AgentReviewer) -> AgentReviewView:
    """Say that I have reviewed the version that runs now; another one by then gets 409."""
    spec = _agents(request).find(agent)
    given = await _reviews(request).give(who, spec, body.version, body.comment)
    return review(given, spec, {who.principal.id: who.principal.name})


def _reviews(request: Request) -> AgentReviews:
    return request.app.state.reviews


def _identity(request: Request) -> Identity:
    return request.app.state.identity


@router.get("/{agent}/graph", operation_id="getAgentGraph")
async def get_agent_graph(agent: str, request: Request, _who: Caller) -> Graph:
    """The graph as nodes, edges and Mermaid text."""
    return graph_of(_agents(request).find(agent))
