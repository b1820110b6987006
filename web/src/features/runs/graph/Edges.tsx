import { useId } from 'react';
import type { NodeState } from '../../../api/runs';
import css from './Graph.module.css';
import { curve, type Layout } from './layout';

type Look = 'idle' | 'passed' | 'running' | 'waiting';

/** All edges in one drawing under the nodes. */
export function Edges({ layout, taken, nodes }: { layout: Layout; taken: ReadonlySet<string>; nodes: Record<string, NodeState> }) {
  const id = useId().replaceAll(':', '');
  return (
    <svg className={css.edges} width={layout.width} height={layout.height} aria-hidden>
      <defs>
        {(['idle', 'passed', 'running', 'waiting'] as const).map((look) => (
          <marker key={look} id={`${id}-${look}`} data-look={look} className={css.arrow} viewBox="0 0 10 10" refX="8.5" refY="5" markerWidth="6.5" markerHeight="6.5" orient="auto-start-reverse">
            <path d="M0,0.5 L10,5 L0,9.5 z" />
          </marker>
        ))}
      </defs>
      {layout.edges.map((edge, i) => {
        const passed = taken.has(`${edge.source}→${edge.target}`);
        const target = nodes[edge.target]?.state;
        const look: Look = !passed ? 'idle' : target === 'running' || target === 'waiting' ? target : 'passed';
        return (
          <g key={i}>
            <path d={curve(edge.points)} className={css.edge} data-look={look} data-back={edge.back || undefined} markerEnd={`url(#${id}-${look})`} />
            {edge.label && edge.at && (
              <text x={edge.at.x} y={edge.at.y} className={css.edgeLabel} textAnchor="middle" dominantBaseline="middle">{edge.label}</text>
            )}
          </g>
        );
      })}
    </svg>
  );
}
