"""An agent's graph as an SVG file: layered from top to bottom; what goes back is drawn at the right side, what skips
a layer at the left, so that no line runs behind a node.

No layout library and no network: ranks are longest paths from the start (edges that close a loop left out), the order
within a rank follows the average place of the predecessors.
"""

from __future__ import annotations

from collections import defaultdict
from html import escape

from chargehand.agents.views import Graph, GraphEdge

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN, LANE = 168, 40, 28, 44, 24, 14
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1d2433}.n{fill:#fff;stroke:#4a55d0}.t{fill:#eef0ff;stroke:#4a55d0}"
    ".e{fill:none;stroke:#5b6478}.c{stroke-dasharray:5 4}.l{font-size:11px;fill:#5b6478}"
)

ARROW = (
    '<defs><marker id="a" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="#5b6478"/></marker></defs>'
)


def svg(graph: Graph) -> str:
    """A complete SVG document, in UTF-8."""
    ranks = _ranks(graph)
    rows: dict[int, list[str]] = defaultdict(list)
    for node in graph.nodes:
        rows[ranks[node.id]].append(node.id)
    gutter = GAP_X + LANE * max((ranks[edge.target] - ranks[edge.source] for edge in graph.edges), default=0)
    placed = _places(graph, rows, MARGIN + gutter)
    widest = max(len(row) for row in rows.values())
    width = MARGIN * 2 + gutter + widest * (WIDTH + GAP_X) + GAP_X * 3
    height = MARGIN * 2 + len(rows) * (HEIGHT + GAP_Y)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">',
        f"<style>{STYLE}</style>",
        ARROW,
    ]
    parts += [_edge(edge, placed, width, ranks[edge.target] - ranks[edge.source]) for edge in graph.edges]
    for node in graph.nodes:
        x, y = placed[node.id]
        terminal = node.kind in ("start", "end")
        parts.append(
            f'<g><rect class="{"t" if terminal else "n"}" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" '
            f'rx="{HEIGHT // 2 if terminal else 7}"/><text x="{x + WIDTH / 2}" y="{y + HEIGHT / 2 + 4}" '
            f'text-anchor="middle">{escape(node.label)}</text></g>'
        )
    return "\n".join([*parts, "</svg>\n"])


def _ranks(graph: Graph) -> dict[str, int]:
    """Longest distance from the start over edges that do not close a loop."""
    outgoing: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        outgoing[edge.source].append(edge.target)
    back = _back_edges([node.id for node in graph.nodes], outgoing)
    ranks = {node.id: 0 for node in graph.nodes}
    for _ in graph.nodes:
        for edge in graph.edges:
            if (edge.source, edge.target) not in back:
                ranks[edge.target] = max(ranks[edge.target], ranks[edge.source] + 1)
    return ranks


def _back_edges(nodes: list[str], outgoing: dict[str, list[str]]) -> set[tuple[str, str]]:
    """Edges to a node that is still being visited, depth first: each closes a loop."""
    found: set[tuple[str, str]] = set()
    state: dict[str, int] = {}

    def visit(node: str) -> None:
        state[node] = 1
        for target in outgoing[node]:
            if state.get(target) == 1:
                found.add((node, target))
            elif target not in state:
                visit(target)
        state[node] = 2

    for node in nodes:
        if node not in state:
            visit(node)
    return found


def _places(graph: Graph, rows: dict[int, list[str]], start: float) -> dict[str, tuple[float, float]]:
    incoming: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges:
        incoming[edge.target].append(edge.source)
    widest = max(len(row) for row in rows.values())
    placed: dict[str, tuple[float, float]] = {}
    for rank in sorted(rows):
        row = rows[rank]

        def wish(node: str) -> float:
            before = [placed[source][0] for source in incoming[node] if source in placed]
            return sum(before) / len(before) if before else 0

        row.sort(key=wish)
        left = start + (widest - len(row)) * (WIDTH + GAP_X) / 2
        for index, node in enumerate(row):
            placed[node] = (left + index * (WIDTH + GAP_X), MARGIN + rank * (HEIGHT + GAP_Y))
    return placed


def _edge(edge: GraphEdge, placed: dict[str, tuple[float, float]], width: float, layers: int) -> str:
    (x1, y1), (x2, y2) = placed[edge.source], placed[edge.target]
    style = "e c" if edge.conditional else "e"
    middle1, middle2 = y1 + HEIGHT / 2, y2 + HEIGHT / 2
    if edge.source == edge.target:
        right, out = x1 + WIDTH, x1 + WIDTH + GAP_X
        path = f"M{right} {middle1 - 8}C{out} {middle1 - 22} {out} {middle1 + 22} {right} {middle1 + 8}"
        label_x, label_y = out, middle1
    elif layers == 1:
        sx, sy, tx, ty = x1 + WIDTH / 2, y1 + HEIGHT, x2 + WIDTH / 2, y2
        bend = (ty - sy) / 2
        path = f"M{sx} {sy}C{sx} {sy + bend} {tx} {ty - bend} {tx} {ty}"
        label_x, label_y = (sx + tx) / 2, (sy + ty) / 2
    elif layers > 1:  # past other layers, along the left side
        side = min(placed[node][0] for node in placed) - LANE * layers
        path = f"M{x1} {middle1}C{side} {middle1} {side} {middle2} {x2} {middle2}"
        label_x, label_y = side + LANE, (middle1 + middle2) / 2
    else:  # back, along the right side
        sx, tx, side = x1 + WIDTH, x2 + WIDTH, width - MARGIN
        path = f"M{sx} {middle1}C{side} {middle1} {side} {middle2} {tx} {middle2}"
        label_x, label_y = side - GAP_X, (middle1 + middle2) / 2
    label = f'<text class="l" x="{label_x + 4}" y="{label_y}">{escape(edge.label)}</text>' if edge.label else ""
    return f'<path class="{style}" marker-end="url(#a)" d="{path}"/>{label}'
