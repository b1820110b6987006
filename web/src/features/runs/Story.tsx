import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Bot, Clock, Flag, Hand, MessageCircleQuestion, Sparkles, Split, Wrench, type LucideIcon } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { lazy, Suspense, useState } from 'react';
import { agentQuery, type AgentTool } from '../../api/agents';
import { runQuery, stepsQuery, type Run, type Step } from '../../api/runs';
import { SkeletonRows } from '../../ui/Feedback';
import { cost, duration } from '../../ui/format';
import { State, toneOf } from '../../ui/State';
import { Time } from '../../ui/Time';
import { ModelText } from './ModelText';
import { RunState } from './RunState';
import css from './Story.module.css';
import { useRunStream } from './useRunStream';
import { inWords, isOpen, isVisit } from './words';

const RunGraph = lazy(() => import('./graph/RunGraph'));

const ICONS: Record<Step['kind'], LucideIcon> = {
  node: Split, model: Sparkles, tool: Wrench, approval: Hand, task: MessageCircleQuestion, timer: Clock, agent: Bot, run: Flag,
};

type StoryProps = { run: Run; steps: Step[]; tools: AgentTool[]; node: string | null; label: (node: string) => string };

/** Steps worth a sentence: what was done; a node only where nothing inside it says more. */
export function worthTelling(steps: readonly Step[]): Step[] {
  const withInside = new Set(steps.map((step) => step.parent).filter(Boolean));
  const told = new Set(steps.filter((step) => !isVisit(step)).map((step) => step.node));
  return steps.filter((step) => !isVisit(step) || (!withInside.has(step.id) && !told.has(step.node)));
}

/** The run as a story in plain words, newest at the end. */
export function Story({ run, steps, tools, node, label }: StoryProps) {
  const { t } = useTranslation();
  const shown = worthTelling(steps).filter((step) => !node || step.node === node);
  const working = [...new Set(Object.entries(run.nodes).filter(([, each]) => each.state === 'running').map(([id]) => label(id)))];
  return (
    <ol className={css.story}>
      {shown.map((step) => <Sentence key={step.seq} run={run.id} step={step} tools={tools} label={label} />)}
      {shown.length === 0 && <li className="sm muted">{node ? t('run.nothingHere') : t('run.notYet')}</li>}
      {isOpen(run.state) && run.state !== 'waiting' && run.state !== 'paused' && !node && (
        <li className={css.live} aria-live="polite"><span className={css.dot} data-tone="run"><span className={css.pulse} /></span><span className="sm muted">{working.join(', ')}…</span></li>
      )}
    </ol>
  );
}

const loud = new Set(['failed', 'denied', 'rejected', 'expired', 'in_doubt', 'waiting', 'stopped']);

function Sentence({ run, step, tools, label }: { run: string; step: Step; tools: AgentTool[]; label?: (node: string) => string }) {
  const { t } = useTranslation();
  const Icon = ICONS[step.kind];
  const text = label && isVisit(step) ? label(step.node) : inWords(step, tools);
  const took = step.ended_at ? new Date(step.ended_at).getTime() - new Date(step.started_at).getTime() : null;
  return (
    <li>
      <span className={css.dot} data-tone={step.state === 'succeeded' && (step.kind === 'node' || step.kind === 'model') ? 'idle' : toneOf(step.state)}><Icon size={13} aria-hidden /></span>
      <div className="grow">
        <div className="row between top">
          <span className="med sm break">{text}</span>
          <span className="xs muted"><Time at={step.started_at} as="clock" /></span>
        </div>
        {step.detail && !(step.approval && step.state === 'waiting') && step.detail !== text && <p className="sm ink2 break">{step.detail}</p>}
        <p className={css.meta}>
          {step.tool && <span className="mono">{step.tool}</span>}
          {loud.has(step.state) && <State name={step.state} />}
          {step.attempts > 1 && <span>{t('run.attempts', { count: step.attempts })}</span>}
          {took !== null && took > 2000 && <span>{duration(took)}</span>}
          {step.cost && Number(step.cost.amount) > 0 && <span>{cost(step.cost.amount, step.cost.currency)}</span>}
          {step.approval && <Link className="link" to="/approvals" search={{ id: step.approval }}>{t('run.seeRequest')}</Link>}
        </p>
        {step.kind === 'model' && <ModelText run={run} step={step} />}
        {step.child && <ChildStory run={step.child} agent={String(step.parameters?.['agent'] ?? '')} />}
      </div>
    </li>
  );
}

/** A sub-agent opens in place, its graph and its story; it is loaded and followed once somebody opens it. */
function ChildStory({ run, agent }: { run: string; agent: string }) {
  const { t } = useTranslation();
  const [opened, setOpened] = useState(false);
  const steps = useQuery({ ...stepsQuery(run), enabled: opened });
  const child = useQuery({ ...runQuery(run), enabled: opened });
  const found = useQuery({ ...agentQuery(agent), enabled: opened && !!agent }).data;
  const [node, setNode] = useState<string | null>(null);
  useRunStream(run, opened && !!child.data && isOpen(child.data.state));
  const label = (at: string) => found?.graph.nodes.find((each) => each.id === at)?.label ?? at;
  return (
    <details className={css.child} onToggle={(event) => setOpened(opened || event.currentTarget.open)}>
      <summary className="link sm">{t('run.openChild')}</summary>
      {opened && child.data && <p className="row sm"><RunState run={child.data} /></p>}
      {opened && found && child.data && steps.data && (
        <div className={css.graph}><Suspense><RunGraph graph={found.graph} nodes={child.data.nodes} steps={steps.data} selected={node} onSelect={setNode} /></Suspense></div>
      )}
      {!opened ? null : steps.data ? <ol className={css.story}>{worthTelling(steps.data).filter((step) => !node || step.node === node).map((step) => <Sentence key={step.seq} run={run} step={step} tools={found?.tools ?? []} label={label} />)}</ol> : <SkeletonRows rows={2} />}
      <Link className="link sm" to="/runs/$run" params={{ run }}>{t('run.childPage')}</Link>
    </details>
  );
}
