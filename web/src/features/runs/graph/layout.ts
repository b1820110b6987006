/** Where nodes and edges go: dagre's layered layout, top to bottom, with subgraphs opened in place. */
import dagre from '@dagrejs/dagre';
import type { Graph, GraphNode } from '../../../api/agents';

export const NODE = { width: 188, height: 52 };
const END = { width: 92, height: 36 };
const LOOP = 18;
const MARGIN = 16;

/** Start and end are small: nothing happens there. */
export const sizeOf = (node: GraphNode) => (node.kind === 'start' || node.kind === 'end' ? END : NODE);

export type Point = { x: number; y: number };
export type PlacedNode = { node: GraphNode; x: number; y: number };
export type PlacedEdge = { source: string; target: string; label: string; conditional: boolean; points: Point[]; at?: Point; back: boolean };
export type Box = { id: string; label: string; x: number; y: number; width: number; height: number };
export type Layout = { nodes: PlacedNode[]; edges: PlacedEdge[]; boxes: Box[]; width: number; height: number };
type Edge = Graph['edges'][number];

/** What is drawn while some subgraphs are open: an open one gives way to its nodes, and edges to it go to its ends. */
export function visible(graph: Graph, open: ReadonlySet<string>): { nodes: GraphNode[]; edges: Edge[] } {
  const isShown = (node: GraphNode) => !node.parent || open.has(node.parent);
  const within = (id: string) => graph.nodes.filter((node) => node.parent === id);
  const ends = (id: string, side: 'first' | 'last'): string[] => {
    if (!open.has(id)) return [id];
    const inside = within(id).map((node) => node.id);
    const linked = new Set(graph.edges.filter((edge) => inside.includes(edge.source) && inside.includes(edge.target)).map((edge) => (side === 'first' ? edge.target : edge.source)));
    const found = inside.filter((each) => !linked.has(each));
    return found.length > 0 ? found : inside;
  };
  const nodes = graph.nodes.filter((node) => isShown(node) && !open.has(node.id));
  const shown = new Set(nodes.map((node) => node.id));
  const edges = graph.edges.flatMap((edge) => ends(edge.source, 'last').flatMap((source) => ends(edge.target, 'first').map((target) => ({ ...edge, source, target }))));
  return { nodes, edges: edges.filter((edge) => shown.has(edge.source) && shown.has(edge.target)) };
}

/** Edges that run against the flow, found depth first from the start: they are drawn as loops. */
export function backEdges(nodes: readonly GraphNode[], edges: readonly Edge[]): Set<string> {
  const back = new Set<string>();
  const state = new Map<string, 'open' | 'done'>();
  const visit = (id: string): void => {
    state.set(id, 'open');
    for (const edge of edges.filter((each) => each.source === id)) {
      if (state.get(edge.target) === 'open') back.add(`${edge.source}→${edge.target}`);
      else if (!state.has(edge.target)) visit(edge.target);
    }
    state.set(id, 'done');
  };
  for (const node of [...nodes].sort((a, b) => Number(b.kind === 'start') - Number(a.kind === 'start'))) if (!state.has(node.id)) visit(node.id);
  return back;
}

export function place(graph: Graph, open: ReadonlySet<string>): Layout {
  const { nodes, edges } = visible(graph, open);
  const plan = new dagre.graphlib.Graph();
  plan.setGraph({ rankdir: 'TB', nodesep: 20, ranksep: 40, edgesep: 8 });
  plan.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) plan.setNode(node.id, { ...sizeOf(node) });
  const back = backEdges(nodes, edges);
  // A node that leads to itself is drawn by us: dagre keeps no room for such loops.
  for (const edge of edges) if (edge.source !== edge.target) plan.setEdge(edge.source, edge.target, edge.label ? { width: edge.label.length * 6 + 12, height: 16, labelpos: 'c' } : {});
  dagre.layout(plan);
  const placed = nodes.map((node) => {
    const at = plan.node(node.id) as Point;
    return { node, x: at.x - sizeOf(node).width / 2, y: at.y - sizeOf(node).height / 2 };
  });
  const drawn = edges.map((edge): PlacedEdge => {
    const shared = { source: edge.source, target: edge.target, label: edge.label, conditional: edge.conditional };
    if (edge.source === edge.target) return { ...shared, points: loopAt(placed.find((each) => each.node.id === edge.source)!), back: true };
    const route = plan.edge(edge.source, edge.target) as { points: Point[]; x?: number; y?: number };
    return { ...shared, points: route.points, at: route.x === undefined ? undefined : { x: route.x, y: route.y ?? 0 }, back: back.has(`${edge.source}→${edge.target}`) };
  });
  const boxes = [...open].flatMap((id): Box[] => {
    const inside = placed.filter((each) => each.node.parent === id);
    if (inside.length === 0) return [];
    const x = Math.min(...inside.map((each) => each.x)) - 12;
    const y = Math.min(...inside.map((each) => each.y)) - 26;
    const right = Math.max(...inside.map((each) => each.x + NODE.width)) + 12;
    const bottom = Math.max(...inside.map((each) => each.y + NODE.height)) + 12;
    return [{ id, label: graph.nodes.find((node) => node.id === id)?.label ?? id, x, y, width: right - x, height: bottom - y }];
  });
  return withinBounds({ nodes: placed, edges: drawn, boxes });
}

/** A loop at the right side of a node, from its upper half back to its lower. */
function loopAt({ node, x, y }: PlacedNode): Point[] {
  const { width, height } = sizeOf(node);
  const right = x + width;
  return [{ x: right, y: y + height * 0.3 }, { x: right + LOOP, y: y + height * 0.3 }, { x: right + LOOP, y: y + height * 0.7 }, { x: right, y: y + height * 0.7 }];
}

/** Moves the drawing so that everything in it, edges and boxes too, lies within its width and height. */
function withinBounds({ nodes, edges, boxes }: Omit<Layout, 'width' | 'height'>): Layout {
  const points = [
    ...nodes.flatMap(({ node, x, y }) => [{ x, y }, { x: x + sizeOf(node).width, y: y + sizeOf(node).height }]),
    ...edges.flatMap((edge) => edge.points), ...boxes.flatMap((box) => [{ x: box.x, y: box.y }, { x: box.x + box.width, y: box.y + box.height }]),
  ];
  if (points.length === 0) return { nodes, edges, boxes, width: 0, height: 0 };
  const left = Math.min(...points.map((point) => point.x)) - MARGIN;
  const top = Math.min(...points.map((point) => point.y)) - MARGIN;
  const moved = <T extends Point>(at: T): T => ({ ...at, x: at.x - left, y: at.y - top });
  return {
    nodes: nodes.map(moved), boxes: boxes.map(moved), edges: edges.map((edge) => ({ ...edge, points: edge.points.map(moved), at: edge.at && moved(edge.at) })),
    width: Math.max(...points.map((point) => point.x)) - left + MARGIN, height: Math.max(...points.map((point) => point.y)) - top + MARGIN,
  };
}

/** A smooth path through dagre's points. */
export function curve(points: readonly Point[]): string {
  const [first, ...rest] = points;
  if (!first) return '';
  let path = `M${first.x},${first.y}`;
  rest.forEach((point, i) => {
    const next = rest[i + 1];
    if (!next) path += ` L${point.x},${point.y}`;
    else path += ` Q${point.x},${point.y} ${(point.x + next.x) / 2},${(point.y + next.y) / 2}`;
  });
  return path;
}
