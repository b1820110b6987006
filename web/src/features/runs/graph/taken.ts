/** Which way the run went, read from its steps: an edge is lit only where the run is known to have passed it. */
import type { NodeState, Step } from '../../../api/runs';

import { isVisit } from '../words';

type Edge = { source: string; target: string; conditional: boolean };
type Visit = { from: number; to: number };

function visitsOf(steps: readonly Step[]): Map<string, Visit[]> {
  const visits = new Map<string, Visit[]>();
  for (const step of steps) {
    if (!isVisit(step) || !step.node) continue;
    const visit = { from: Date.parse(step.started_at), to: step.ended_at ? Date.parse(step.ended_at) : Infinity };
    visits.set(step.node, [...(visits.get(step.node) ?? []), visit]);
  }
  return visits;
}

/** Keys `source→target` of the edges that were passed.
 *
 * An unconditional edge is passed when its source ended before a visit of its target. Of the conditional edges out of
 * one node those were passed whose target started first (several, where a node sent work to many at once).
 */
export function takenEdges(edges: readonly Edge[], steps: readonly Step[], nodes: Readonly<Record<string, NodeState>>): Set<string> {
  const visits = visitsOf(steps);
  const ends = (id: string) => (visits.get(id) ?? []).map((visit) => visit.to);
  const taken = new Set<string>();
  for (const edge of edges) {
    const key = `${edge.source}→${edge.target}`;
    const targets = visits.get(edge.target);
    if (!visits.has(edge.source) || !targets) {
      const passed = nodes[edge.target] && (nodes[edge.source]?.state === 'succeeded' || !visits.has(edge.source));
      const ambiguous = edge.conditional && edges.some((other) => other.source === edge.source && other.target !== edge.target && nodes[other.target]);
      if (passed && nodes[edge.source] && !ambiguous) taken.add(key);
      continue;
    }
    const others = edges.filter((other) => other.source === edge.source && other.target !== edge.target);
    const passed = ends(edge.source).some((ended) => {
      const start = Math.min(...targets.filter((visit) => visit.from >= ended).map((visit) => visit.from));
      if (!Number.isFinite(start)) return false;
      if (!edge.conditional) return true;
      return others.every((other) => {
        const rival = (visits.get(other.target) ?? []).filter((visit) => visit.from >= ended).sort((a, b) => a.from - b.from)[0];
        return !rival || start <= rival.from || start < rival.to;
      });
    });
    if (passed) taken.add(key);
  }
  return taken;
}
