import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { ChevronRight, RotateCcw } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { agentQuery } from '../../api/agents';
import { runQuery, stepsQuery, type Run, type Step } from '../../api/runs';
import { Button } from '../../ui/Button';
import { Failed, Skeleton, SkeletonRows } from '../../ui/Feedback';
import { Segmented } from '../../ui/Field';
import { cost, duration, number, principalName } from '../../ui/format';
import { Page } from '../../ui/Page';
import { useNow } from '../../ui/useNow';
import { HeldUp } from './HeldUp';
import { isMcp, McpCalls } from './McpCalls';
import { RetryDialog } from './RetryDialog';
import { RunActions } from './RunActions';
import css from './RunPage.module.css';
import { RunResult } from './RunResult';
import { RunState } from './RunState';
import { Story } from './Story';
import { Trace } from './Trace';
import { useTitleOf } from './useTitleOf';
import { useRunStream } from './useRunStream';
import { WaitingFor } from './WaitingFor';
import { isOpen } from './words';

const RunGraph = lazy(() => import('./graph/RunGraph'));

export function RunPage() {
  const { run: id } = useParams({ from: '/runs/$run' });
  return isMcp(id) ? <McpCalls id={id} /> : <AgentRun key={id} id={id} />;
}

function AgentRun({ id }: { id: string }) {
  const { t } = useTranslation();
  const run = useQuery({ ...runQuery(id), refetchInterval: (query) => (query.state.data && isOpen(query.state.data.state) ? 10_000 : false) });
  const steps = useQuery(stepsQuery(id));
  const open = run.data ? isOpen(run.data.state) : false;
  useRunStream(id, open);
  const titleOf = useTitleOf();
  const title = run.data ? titleOf(run.data) : id;
  const subject = run.data?.business_key ?? '';
  return (
    <Page fill name={subject ? `${title}: ${subject}` : title}
      title={
        <span className="row wrap">
          <Link to="/runs" search={{}} className={css.up}>{t('nav.runs')}</Link>
          <ChevronRight size={14} className="muted" aria-hidden />
          <span>{title}</span>
          {subject && <span className={css.subject}>{subject}</span>}
        </span>
      }
      beside={run.data && <span aria-live="polite"><RunState run={run.data} /></span>}
      actions={run.data && <RunActions run={run.data} />}>
      {run.isError ? <Failed error={run.error} onRetry={() => void run.refetch()} />
        : !run.data ? <SkeletonRows rows={8} />
        : <Body run={run.data} steps={steps.data} stepsError={steps.isError ? steps.error : null} />}
    </Page>
  );
}

function Body({ run, steps, stepsError }: { run: Run; steps: Step[] | undefined; stepsError: unknown }) {
  const { t } = useTranslation();
  const agent = useQuery(agentQuery(run.agent)).data;
  const [view, setView] = useState<'story' | 'trace'>('story');
  const [node, setNode] = useState<string | null>(null);
  const [retrying, setRetrying] = useState(false);
  const label = (at: string) => agent?.graph.nodes.find((each) => each.id === at)?.label ?? at;
  return (
    <div className={css.body}>
      <div className={css.left}>
        <RunFacts run={run} />
        <Suspense fallback={<div className={css.pad}><Skeleton height={260} /></div>}>
          {agent && <RunGraph graph={agent.graph} nodes={run.nodes} steps={steps ?? []} selected={node} onSelect={setNode} />}
        </Suspense>
      </div>
      {retrying && node && <RetryDialog run={run} from={node} onClose={() => setRetrying(false)} />}
      <div className={css.right} tabIndex={0} role="region" aria-label={t('run.story')}>
        <HeldUp run={run} />
        <WaitingFor run={run} steps={steps ?? []} tools={agent?.tools ?? []} />
        <RunResult run={run} schema={agent?.output_schema ?? {}} />
        <div className={css.tabs}>
          <Segmented label={t('run.view')} value={view} onChange={setView} options={[{ value: 'story', label: t('run.story') }, { value: 'trace', label: t('run.trace') }]} />
          {node && run.may.includes('retry') && <Button small icon={<RotateCcw size={13} aria-hidden />} onClick={() => setRetrying(true)}>{t('run.retryHere')}</Button>}
          {node && <button type="button" className={css.filter} onClick={() => setNode(null)} aria-label={t('run.unfilter', { what: label(node) })}>{label(node)} ×</button>}
        </div>
        {stepsError ? <Failed error={stepsError} /> : !steps ? <SkeletonRows rows={5} />
          : view === 'story' ? <Story run={run} steps={steps} tools={agent?.tools ?? []} node={node} label={label} /> : <Trace run={run} steps={steps} node={node} />}
      </div>
    </div>
  );
}

function RunFacts({ run }: { run: Run }) {
  const { t } = useTranslation();
  const now = useNow(isOpen(run.state) ? 1000 : 3_600_000);
  const took = (run.ended_at ? new Date(run.ended_at).getTime() : now) - new Date(run.started_at).getTime();
  return (
    <div className={css.facts}>
      <span><span className="muted">{t('run.elapsed')}</span> <b className="num">{duration(Math.max(0, took))}</b></span>
      {run.tokens > 0 && <span><span className="muted">{t('run.tokens')}</span> <b className="num">{number(run.tokens)}</b></span>}
      {run.cost && <span><span className="muted">{t('run.cost')}</span> <b className="num">{cost(run.cost.amount, run.cost.currency)}</b></span>}
      <span className="muted wide-only">{t('run.by', { who: run.principal_name || principalName(run.principal) })} · <Link className="link" to="/agents/$agent" params={{ agent: run.agent }}>{run.agent}</Link> <span className="mono">{run.agent_version.slice(0, 10)}</span></span>
      {run.retry_of && <Link className="link" to="/runs/$run" params={{ run: run.retry_of }}>{t('run.retryOf')}</Link>}
      {run.retried_as && <Link className="link" to="/runs/$run" params={{ run: run.retried_as }}>{t('run.retriedAs')}</Link>}
      {run.parent && <Link className="link" to="/runs/$run" params={{ run: run.parent }}>{t('run.parent')}</Link>}
    </div>
  );
}
