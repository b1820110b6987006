import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { ArrowLeft, OctagonX, Play } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { agentQuery, reviewAgent, type Agent, type AgentTool } from '../../api/agents';
import { mandatesQuery } from '../../api/approvals';
import { runsQuery } from '../../api/runs';
import { useMay } from '../../app/session';
import { Button, ButtonLink } from '../../ui/Button';
import { Failed, Skeleton, SkeletonRows } from '../../ui/Feedback';
import { DAY, date, humanize, number } from '../../ui/format';
import { Column, Page, Section } from '../../ui/Page';
import { ReasonDialog } from '../../ui/ReasonDialog';
import { State } from '../../ui/State';
import { Facts, Table } from '../../ui/Table';
import { Time } from '../../ui/Time';
import { toast } from '../../ui/toast';
import { RunState } from '../runs/RunState';
import css from './Agent.module.css';
import { Figures, Versions } from './Figures';

const RunGraph = lazy(() => import('../runs/graph/RunGraph'));
const StopDialog = lazy(() => import('../stop/StopDialog'));

export function AgentPage() {
  const { t } = useTranslation();
  const { agent: name } = useParams({ from: '/agents/$agent' });
  const agent = useQuery(agentQuery(name));
  const may = useMay();
  const [stopping, setStopping] = useState(false);
  const title = agent.data?.title ?? name;
  return (
    <Page name={title} title={<span className="row"><Link to="/agents" className="row muted" aria-label={t('nav.agents')}><ArrowLeft size={15} aria-hidden /></Link>{title}</span>}
      beside={agent.data?.frozen && <State name="frozen" />}
      actions={agent.data && (
        <>
          {may('freeze') && !agent.data.frozen && <Button look="deny" icon={<OctagonX size={14} aria-hidden />} onClick={() => setStopping(true)}>{t('nav.stop')}</Button>}
          {agent.data.i_may_start && <ButtonLink look="primary" to="/start/$agent" params={{ agent: name }} icon={<Play size={14} aria-hidden />}>{t('agents.start')}</ButtonLink>}
        </>
      )}>
      {agent.isError ? <Failed error={agent.error} onRetry={() => void agent.refetch()} /> : !agent.data ? <SkeletonRows rows={8} /> : <Body agent={agent.data} />}
      <Suspense>{stopping && <StopDialog scope="agent" name={`agent:${name}`} onClose={() => setStopping(false)} />}</Suspense>
    </Page>
  );
}

function Body({ agent }: { agent: Agent }) {
  const { t } = useTranslation();
  const may = useMay();
  const [node, setNode] = useState<string | null>(null);
  const chosen = agent.graph.nodes.find((each) => each.id === node);
  const tools = chosen?.tools?.length ? agent.tools.filter((tool) => chosen.tools!.includes(tool.name)) : agent.tools;
  return (
    <Column>
      <p className="ink2">{agent.description}</p>
      {may('read_runs') && <Figures agent={agent.name} />}
      <div className={css.top}>
        <div className={`card ${css.graph}`}>
          <Suspense fallback={<Skeleton height={300} />}><RunGraph graph={agent.graph} nodes={{}} steps={[]} selected={node} onSelect={setNode} /></Suspense>
        </div>
        <div className={css.side}>
          <section className={`card ${css.panel}`}>
            <Facts items={[
              [t('agents.owner'), humanize(agent.owner.replace(/^\w+:/, ''))],
              [t('agents.version'), <span className="mono">{agent.version}</span>],
              !!agent.category && [t('start.category'), humanize(agent.category)],
              [t('agents.tools'), number(agent.tools.length)],
              [t('agents.lastReview'), <Review agent={agent} />],
            ]} />
          </section>
          <LastRuns agent={agent.name} />
        </div>
      </div>
      <Section title={chosen ? t('agents.toolsOf', { what: chosen.label }) : t('agents.tools')}>
        <ToolTable tools={tools} />
      </Section>
      <MandatesOf agent={agent.name} />
      {may('read_runs') && <Versions agent={agent.name} />}
    </Column>
  );
}

/** Who last answered for having looked at it, and whether it was this version. */
function Review({ agent }: { agent: Agent }) {
  const { t } = useTranslation();
  const may = useMay();
  const [open, setOpen] = useState(false);
  const last = agent.last_review;
  return (
    <span className="row wrap">
      {last ? <span>{last.name}, <Time at={last.at} as="relative" />{!last.current && <span className="muted"> ({t('agents.olderReview')})</span>}</span> : <span className="muted">{t('agents.noReview')}</span>}
      {may('review_agents') && !last?.current && <button type="button" className="link xs" onClick={() => setOpen(true)}>{t('agents.review')}</button>}
      {open && (
        <ReasonDialog title={t('agents.review')} go={t('agents.review')} label={t('agents.reviewComment')} maxLength={2000} look="primary"
          onSend={async (comment) => { await reviewAgent(agent.name, agent.version, comment); toast(t('agents.reviewed'), 'approved'); }} onClose={() => setOpen(false)}>
          <p className="sm ink2">{t('agents.reviewText')}</p>
        </ReasonDialog>
      )}
    </span>
  );
}

function ToolTable({ tools }: { tools: AgentTool[] }) {
  const { t } = useTranslation();
  return (
    <Table<AgentTool> label={t('agents.tools')} rows={tools} rowKey={(tool) => tool.name} columns={[
      { id: 'name', head: t('agents.tool'), cell: (tool) => <span className="mono">{tool.name}</span> },
      { id: 'what', head: t('agents.what'), wide: true, cell: (tool) => <span className="ink2">{tool.description.split(/(?<=[.。])\s/)[0]}</span> },
      { id: 'effect', head: t('agents.effect'), cell: (tool) => <State name={tool.effect} quiet={tool.effect === 'read'} /> },
      { id: 'policy', head: t('agents.policy'), cell: (tool) => <span className="row wrap">{tool.possible.map((verdict) => <State key={verdict} name={verdict} quiet={verdict === 'allow'} />)}</span> },
      { id: 'who', head: t('agents.whoAgrees'), wide: true, cell: (tool) => <span className="xs ink2">{[...new Set(tool.approvers.map((each) => each.title || each.sentence))].join(' · ')}</span> },
    ]} />
  );
}

function LastRuns({ agent }: { agent: string }) {
  const { t } = useTranslation();
  const runs = useInfiniteQuery(runsQuery({ agent }, 6)).data?.pages[0]?.items ?? [];
  return (
    <section className={`card ${css.panel}`}>
      <div className="row between"><h2 className="heading">{t('start.lastRuns')}</h2><Link className="link xs" to="/runs" search={{ agent }}>{t('agents.allRuns')}</Link></div>
      {runs.length === 0 && <p className="sm muted">{t('start.noRuns')}</p>}
      <ul className={css.runs}>
        {runs.map((run) => (
          <li key={run.id} className="row sm">
            <Link className="grow trunc link" to="/runs/$run" params={{ run: run.id }}>{run.business_key || run.title}</Link>
            <RunState run={run} quiet />
            <span className="xs muted"><Time at={run.started_at} as="relative" /></span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function MandatesOf({ agent }: { agent: string }) {
  const { t } = useTranslation();
  const mandates = useQuery(mandatesQuery).data?.filter((each) => each.agent === agent || each.agent === `agent:${agent}`) ?? [];
  if (mandates.length === 0) return null;
  return (
    <Section title={t('approvals.mandates')}>
      <ul className={`card ${css.panel}`}>
        {mandates.map((each) => <li key={each.id} className="row sm"><span className="mono">{each.tool}</span><span className="num muted">{number(each.calls_used)} / {number(each.calls)}</span><span className="muted grow">{t('agents.until', { date: date(each.until, DAY) })}</span><State name={each.state} quiet={each.state === 'active'} /></li>)}
      </ul>
    </Section>
  );
}
