"""What HTTP shows of agents."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from chargehand.connectors.model import Delivery
from chargehand.identity.views import Request
from chargehand.policy.model import Effect, Verdict

NodeKind = Literal["start", "end", "node", "model", "tool", "person", "subgraph"]


class GraphNode(BaseModel):
    id: str = Field(description="Stable; steps of a run name it")
    label: str
    label_zh: str = Field("", description="The same in Chinese; empty where nobody wrote it")
    kind: NodeKind
    tools: list[str] = Field(default_factory=list, description="Tools this node is known to call")
    parent: str = Field("", description="The subgraph node that this one lives in")


class GraphEdge(BaseModel):
    source: str
    target: str
    label: str = ""
    conditional: bool = False


class Graph(BaseModel):
    nodes: list[GraphNode]
    edges: list[GraphEdge]
    mermaid: str


class Approvers(BaseModel):
    """One way in which people may have to agree."""

    rule: str
    title: str
    roles: dict[str, int] = Field(description="How many people of each role")
    sentence: str


class AgentTool(BaseModel):
    name: str
    description: str
    says: str = Field(description="Sentence template that approvers see, e.g. `Refund {amount} for order {order}`")
    says_zh: str = Field("", description="The same in Chinese; empty where nobody wrote it")
    effect: Effect
    delivery: Delivery
    possible: list[Verdict] = Field(description="What policy may answer, depending on the arguments")
    approvers: list[Approvers]


class AgentSummary(BaseModel):
    name: str
    title: str
    description: str
    owner: str
    version: str
    category: str
    i_may_start: bool
    may_ask_people: bool = Field(description="Whether a call of it may have to wait for approval")
    frozen: bool
    title_zh: str = Field("", description="Empty where nobody wrote it, as `description_zh`")
    description_zh: str = ""


class AgentReviewView(BaseModel):
    """The last time that a person answered for having looked at the agent."""

    person: str
    name: str
    at: datetime
    version: str
    current: bool = Field(description="Whether it was the version that runs now")


class NewAgentReview(Request):
    version: str = Field(min_length=1, max_length=200, description="What you looked at; another one gets 409")
    comment: str = Field("", max_length=2000)


class Agent(AgentSummary):
    input_schema: dict[str, Any]
    output_schema: dict[str, Any]
    graph: Graph
    tools: list[AgentTool]
    last_review: AgentReviewView | None = None
