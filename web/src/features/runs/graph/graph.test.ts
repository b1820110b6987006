import { expect, test } from 'vitest';
import type { Graph } from '../../../api/agents';
import type { Step } from '../../../api/runs';
import { backEdges, place, visible } from './layout';
import { takenEdges } from './taken';

const node = (id: string, parent = '', kind: Graph['nodes'][number]['kind'] = 'node') => ({ id, label: id, kind, tools: [], label_zh: '', parent });
const edge = (source: string, target: string, conditional = false) => ({ source, target, label: '', conditional });
const step = (name: string, from: number, to: number): Step => ({
  seq: from, id: `node:${name}`, kind: 'node', node: name, parent: '', title: name, message_id: '', parameters: {}, state: 'succeeded', attempts: 1, tool: '', model: '', arguments: null, result: null, detail: '',
  decision: '', approval: '', call_key: '', tokens: 0, cost: null, child: '', started_at: new Date(from).toISOString(), ended_at: new Date(to).toISOString(),
});

test('only the way that was gone is lit: one branch, both parallel arms, the loop once it was taken', () => {
  const edges = [edge('a', 'b'), edge('a', 'c'), edge('b', 'd'), edge('c', 'd'), edge('d', 'a', true), edge('d', 'e', true), edge('d', 'f', true), edge('e', 'f')];
  const once = [step('a', 0, 10), step('b', 11, 20), step('c', 11, 25), step('d', 26, 30), step('e', 31, 40), step('f', 41, 50)];
  expect([...takenEdges(edges, once, {})].sort()).toEqual(['a→b', 'a→c', 'b→d', 'c→d', 'd→e', 'e→f']);
  const again = [...once.slice(0, 4), step('a', 31, 40), step('b', 41, 45), step('c', 41, 44), step('d', 46, 50), step('f', 51, 60)];
  expect([...takenEdges(edges, again, {})].sort()).toEqual(['a→b', 'a→c', 'b→d', 'c→d', 'd→a', 'd→f']);
});

test('work sent to many at once lights every arm', () => {
  const edges = [edge('a', 'b', true), edge('a', 'c', true)];
  expect([...takenEdges(edges, [step('a', 0, 10), step('b', 11, 20), step('c', 12, 20)], {})].sort()).toEqual(['a→b', 'a→c']);
});

test('a loop is found as one', () => {
  expect([...backEdges([node('s', '', 'start'), node('a'), node('b')], [edge('s', 'a'), edge('a', 'b'), edge('b', 'a')])]).toEqual(['b→a']);
});

test('an open subgraph gives way to its nodes, and edges go to its ends', () => {
  const graph: Graph = { mermaid: '', nodes: [node('a'), node('sub', '', 'subgraph'), node('x', 'sub'), node('y', 'sub'), node('b')], edges: [edge('a', 'sub'), edge('x', 'y'), edge('sub', 'b')] };
  expect(visible(graph, new Set()).nodes.map((each) => each.id)).toEqual(['a', 'sub', 'b']);
  const open = visible(graph, new Set(['sub']));
  expect(open.nodes.map((each) => each.id)).toEqual(['a', 'x', 'y', 'b']);
  expect(open.edges.map((each) => `${each.source}→${each.target}`)).toEqual(['a→x', 'x→y', 'y→b']);
  const placed = place(graph, new Set(['sub']));
  expect(placed.boxes).toHaveLength(1);
  expect(placed.width).toBeGreaterThan(0);
});

test('everything lies within the drawing, loops of a node to itself too', () => {
  const graph: Graph = { mermaid: '', nodes: [node('s', '', 'start'), node('a'), node('b'), node('c'), node('z')], edges: [edge('s', 'a'), edge('a', 'a', true), edge('s', 'z', true), edge('a', 'b'), edge('b', 'c'), edge('b', 'b', true), edge('c', 'a', true), edge('c', 'z'), edge('a', 'z', true)] };
  const placed = place(graph, new Set());
  const points = placed.edges.flatMap((each) => each.points);
  expect(placed.edges.filter((each) => each.source === each.target).map((each) => each.points.length)).toEqual([4, 4]);
  for (const { x, y } of points) {
    expect(x).toBeGreaterThanOrEqual(0);
    expect(x).toBeLessThanOrEqual(placed.width);
    expect(y).toBeGreaterThanOrEqual(0);
    expect(y).toBeLessThanOrEqual(placed.height);
  }
});
