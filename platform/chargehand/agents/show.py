"""From agents to what HTTP and the command line show of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from chargehand.agents.model import AgentReview, AgentSpec
from chargehand.agents.views import AgentReviewView, AgentSummary, Graph, GraphEdge, GraphNode, NodeKind

START, END = "__start__", "__end__"


def summary(spec: AgentSpec, *, may_start: bool, may_ask: bool, frozen: bool) -> AgentSummary:
    return AgentSummary(
        name=spec.name,
        title=spec.title,
        description=spec.description,
        owner=spec.owner,
        version=spec.version,
        category=spec.category,
        i_may_start=may_start,
        may_ask_people=may_ask,
        frozen=frozen,
        title_zh=spec.title_zh,
        description_zh=spec.description_zh,
    )


def review(found: AgentReview, spec: AgentSpec, names: Mapping[str, str]) -> AgentReviewView:
    return AgentReviewView(
        person=found.person,
        name=names.get(found.person, found.person),
        at=found.at,
        version=found.version,
        current=found.version == spec.version,
    )


def graph_of(spec: AgentSpec) -> Graph:
    """The agent's graph with its subgraphs opened; ids are paths, as the events of a run name nodes."""
    drawn: Any = spec.compiled.get_graph(xray=True)
    names = {str(name): _path(str(name)) for name in drawn.nodes}
    nodes = [_node(names[str(name)], node.metadata or {}) for name, node in drawn.nodes.items()]
    edges = [
        GraphEdge(
            source=names[str(edge.source)],
            target=names[str(edge.target)],
            label=str(edge.data) if edge.data not in (None, "") else "",
            conditional=bool(edge.conditional),
        )
        for edge in cast("list[Any]", drawn.edges)
    ]
    return Graph(nodes=nodes, edges=edges, mermaid=str(drawn.draw_mermaid()))


def _path(name: str) -> str:
    """LangGraph joins subgraph and node by a colon; our paths by a slash."""
    return name.replace(":", "/")


def _node(path: str, said: Mapping[str, Any]) -> GraphNode:
    """`said` is LangGraph's metadata of the node; its author may name it there."""
    parent, _, last = path.rpartition("/")
    kind: NodeKind = "start" if last == START else "end" if last == END else "node"
    label = str(said.get("label") or last.strip("_").replace("_", " ").capitalize())
    return GraphNode(id=path, label=label, label_zh=str(said.get("label_zh") or ""), kind=kind, parent=parent)
