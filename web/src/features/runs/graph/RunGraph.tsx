import { Ban, Check, CircleSlash, Flag, Hand, LoaderCircle, Maximize, Minus, Play, Plus, Split, Sparkles, TriangleAlert, User, Workflow, Wrench, type LucideIcon } from 'lucide-react';
import { useEffect, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import { useTranslation } from 'react-i18next';
import type { Graph, GraphNode } from '../../../api/agents';
import type { NodeState, Step } from '../../../api/runs';
import { IconButton } from '../../../ui/Button';
import { duration } from '../../../ui/format';
import { Edges } from './Edges';
import css from './Graph.module.css';
import { place, sizeOf, type Layout } from './layout';
import { takenEdges } from './taken';

const KINDS: Record<GraphNode['kind'], LucideIcon> = { start: Play, end: Flag, node: Split, model: Sparkles, tool: Wrench, person: User, subgraph: Workflow };
const BADGES: Record<NodeState['state'], LucideIcon> = {
  running: LoaderCircle, waiting: Hand, succeeded: Check, failed: TriangleAlert, denied: Ban, rejected: Ban, expired: CircleSlash, in_doubt: TriangleAlert, stopped: CircleSlash,
};

/** The pane's padding, as in Graph.module.css, and room for a scroll bar. */
const AROUND = 2 * 8 + 12;

type RunGraphProps = { graph: Graph; nodes: Record<string, NodeState>; steps: Step[]; selected: string | null; onSelect: (node: string | null) => void };

/** The agent's graph as it works. Nodes are buttons in reading order, so it can be used without a mouse. */
export default function RunGraph({ graph, nodes, steps, selected, onSelect }: RunGraphProps) {
  const { t } = useTranslation();
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const layout = useMemo(() => place(graph, open), [graph, open]);
  const taken = useMemo(() => takenEdges(layout.edges, steps, withEnds(graph, nodes)), [layout, steps, nodes, graph]);
  const pane = useRef<HTMLDivElement>(null);
  const { scale, zoom, fit, own } = useFit(pane, layout);
  useFollow(pane, layout, scale, Object.keys(nodes).find((id) => nodes[id]!.state === 'running' || nodes[id]!.state === 'waiting'), own);
  const drag = useDrag(pane, own);
  const onKeyDown = (event: KeyboardEvent) => {
    const act = { '+': () => zoom(1.25), '=': () => zoom(1.25), '-': () => zoom(0.8), '0': fit }[event.key];
    if (event.key.startsWith('Arrow')) own.current = true; // the browser scrolls the pane
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act();
  };
  const toggle = (node: GraphNode) => {
    if (node.kind !== 'subgraph') return onSelect(node.id === selected ? null : node.id);
    setOpen((old) => { const next = new Set(old); if (!next.delete(node.id)) next.add(node.id); return next; });
  };
  return (
    <div className={css.frame}>
      <div className={css.pane} ref={pane} tabIndex={0} role="group" aria-label={t('run.graph')} aria-keyshortcuts="+ - 0" onKeyDown={onKeyDown} {...drag} onClick={(event) => { if (event.target === event.currentTarget) onSelect(null); }}>
        <div className={css.sizer} style={{ width: layout.width * scale, height: layout.height * scale }}>
          <div className={css.canvas} style={{ width: layout.width, height: layout.height, scale: String(scale) }}>
            {layout.boxes.map((box) => (
              <div key={box.id} className={css.box} style={{ left: box.x, top: box.y, width: box.width, height: box.height }}>
                <button type="button" className={css.fold} onClick={() => setOpen((old) => { const next = new Set(old); next.delete(box.id); return next; })}>{box.label} <Minus size={11} aria-label={t('run.fold')} /></button>
              </div>
            ))}
            <Edges layout={layout} taken={taken} nodes={nodes} />
            {layout.nodes.map(({ node, x, y }) => (
              <Node key={node.id} node={node} x={x} y={y} state={withEnds(graph, nodes)[node.id]} inRun={Object.keys(nodes).length > 0} selected={node.id === selected} onPress={() => toggle(node)} />
            ))}
          </div>
        </div>
      </div>
      <div className={css.zoom}>
        <IconButton label={t('run.zoomIn')} size={30} onClick={() => zoom(1.25)}><Plus size={14} aria-hidden /></IconButton>
        <IconButton label={t('run.zoomOut')} size={30} onClick={() => zoom(0.8)}><Minus size={14} aria-hidden /></IconButton>
        <IconButton label={t('run.fit')} size={30} onClick={fit}><Maximize size={13} aria-hidden /></IconButton>
      </div>
    </div>
  );
}

/** Start and end are no steps of a run: the start was passed once anything ran, the end once a last node succeeded. */
function withEnds(graph: Graph, nodes: Record<string, NodeState>): Record<string, NodeState> {
  const done: NodeState = { state: 'succeeded', visits: 1 };
  const out = { ...nodes };
  const busy = Object.values(nodes).some((each) => each.state === 'running' || each.state === 'waiting');
  for (const node of graph.nodes) {
    if (out[node.id]) continue;
    if (node.kind === 'start' && Object.keys(nodes).length > 0) out[node.id] = done;
    if (node.kind === 'end' && !busy && graph.edges.some((edge) => edge.target === node.id && nodes[edge.source]?.state === 'succeeded')) out[node.id] = done;
  }
  return out;
}

type NodeProps = { node: GraphNode; x: number; y: number; state: NodeState | undefined; inRun: boolean; selected: boolean; onPress: () => void };

function Node({ node, x, y, state, inRun, selected, onPress }: NodeProps) {
  const { t } = useTranslation();
  const Icon = KINDS[node.kind];
  const Badge = state && BADGES[state.state];
  const word = t(`state.${state?.state ?? 'idle'}`);
  const under = state
    ? [word, state.visits > 1 ? t('run.times', { count: state.visits }) : '', state.milliseconds && state.milliseconds > 0 ? duration(state.milliseconds) : ''].filter(Boolean).join(' · ')
    : (node.tools?.[0] ?? (inRun ? word : ''));
  if (node.kind === 'start' || node.kind === 'end') {
    return (
      <div className={css.end} data-state={state?.state} style={{ left: x, top: y, ...sizeOf(node) }}>
        <span><Icon size={13} aria-hidden />{t(`run.${node.kind}`)}</span>
      </div>
    );
  }
  return (
    <button type="button" className={css.node} data-state={state?.state} aria-pressed={selected} style={{ left: x, top: y, ...sizeOf(node) }} onClick={onPress} aria-label={under ? `${node.label}: ${under}` : node.label}>
      <span className={css.icon}><Icon size={15} aria-hidden /></span>
      <span className={css.text}><span className={css.label}>{node.label}</span><span className={css.under}>{under}</span></span>
      {Badge && <span className={css.badge}><Badge size={11} strokeWidth={2.6} aria-hidden className={state.state === 'running' ? 'spin' : undefined} /></span>}
    </button>
  );
}

const SMALLEST = 0.3;
const LARGEST = 1.6;
const READABLE = 0.6;

/** Fits the drawing into the pane until the person zooms: whole where it stays readable, else to the pane's width. */
function useFit(pane: React.RefObject<HTMLDivElement | null>, layout: Layout) {
  const [scale, setScale] = useState(1);
  const own = useRef(false);
  const fit = () => {
    own.current = false;
    const box = pane.current;
    if (!box || layout.width === 0) return;
    // Of the pane with its scroll bars: they come and go with the size of the drawing, so it must not depend on them.
    const wide = Math.min((box.offsetWidth - AROUND) / layout.width, 1);
    const whole = Math.min(wide, (box.offsetHeight - AROUND) / layout.height);
    setScale(Math.max(SMALLEST, whole >= READABLE ? whole : wide));
  };
  useLayoutEffect(fit, [layout]);
  useEffect(() => {
    const box = pane.current;
    if (!box) return;
    const observer = new ResizeObserver(() => { if (!own.current) fit(); });
    observer.observe(box);
    return () => observer.disconnect();
  });
  const zoom = (by: number) => {
    own.current = true;
    setScale((old) => Math.max(SMALLEST, Math.min(LARGEST, old * by)));
  };
  return { scale, zoom, fit, own };
}

/** Keeps the node where the run is now in sight, until the person moves the view. */
function useFollow(pane: React.RefObject<HTMLDivElement | null>, layout: Layout, scale: number, at: string | undefined, own: React.RefObject<boolean>) {
  useEffect(() => {
    const box = pane.current;
    const found = layout.nodes.find((each) => each.node.id === at);
    if (!box || !found || own.current) return;
    box.scrollTo(found.x * scale - box.clientWidth / 2, found.y * scale - box.clientHeight / 2);
  }, [pane, layout, scale, at, own]);
}

/** Dragging the ground moves the view. */
function useDrag(pane: React.RefObject<HTMLDivElement | null>, own: React.RefObject<boolean>) {
  const from = useRef<{ x: number; y: number; left: number; top: number } | null>(null);
  return {
    onPointerDown: (event: PointerEvent) => {
      const box = pane.current!;
      if (event.pointerType !== 'mouse' || (event.target as HTMLElement).closest('button')) return;
      from.current = { x: event.clientX, y: event.clientY, left: box.scrollLeft, top: box.scrollTop };
    },
    onPointerMove: (event: PointerEvent) => {
      if (!from.current || event.buttons === 0) { from.current = null; return; }
      own.current = true;
      pane.current!.scrollTo(from.current.left + from.current.x - event.clientX, from.current.top + from.current.y - event.clientY);
    },
    onPointerUp: () => { from.current = null; },
  };
}
