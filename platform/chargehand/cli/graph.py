"""An agent's graph for the terminal: each node once, in the order a run can reach it; loops point back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from rich.tree import Tree

from chargehand.agents.views import Graph, GraphEdge
from chargehand.cli.show import clean, state
from chargehand.runs.views import NodeState


def draw(graph: Graph, nodes: Mapping[str, NodeState] | None = None) -> Tree:
    """A tree from the start; a node that was drawn already is only pointed to (↩), ◇ marks a choice.

    `nodes` says where a run stands.
    """
    labels = {node.id: node.label for node in graph.nodes}
    outgoing: dict[str, list[GraphEdge]] = defaultdict(list)
    for edge in graph.edges:
        outgoing[edge.source].append(edge)
    starts = [node.id for node in graph.nodes if node.kind == "start"] or [node.id for node in graph.nodes[:1]]
    drawn: set[str] = set()
    root = Tree("[bold]start[/]", guide_style="dim")

    def grow(branch: Tree, source: str) -> None:
        for edge in outgoing[source]:
            label = f"[dim]◇ {clean(edge.label)}:[/] " if edge.label else "[dim]◇[/] " if edge.conditional else ""
            name = clean(labels.get(edge.target, edge.target))
            if edge.target in drawn:
                branch.add(f"{label}[dim]↩ {name}[/]")
                continue
            drawn.add(edge.target)
            grow(branch.add(f"{label}[bold]{name}[/]{_stand(edge.target, nodes)}"), edge.target)

    for start in starts:
        drawn.add(start)
        grow(root, start)
    return root


def _stand(node: str, nodes: Mapping[str, NodeState] | None) -> str:
    found = (nodes or {}).get(node)
    if found is None:
        return ""
    visits = f" ×{found.visits}" if found.visits > 1 else ""
    spent = f" {found.milliseconds / 1000:.1f} s" if found.milliseconds else ""
    return f"  {state(found.state)}[dim]{visits}{spent}[/]"
