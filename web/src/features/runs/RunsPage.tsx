import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { History, Play, Search } from 'lucide-react';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { agentsQuery } from '../../api/agents';
import { runsQuery, type RunState, type RunSummary } from '../../api/runs';
import { Button, ButtonLink } from '../../ui/Button';
import { Empty, Failed, SkeletonRows } from '../../ui/Feedback';
import { SelectField, TextField } from '../../ui/Field';
import { cost, duration } from '../../ui/format';
import { Page } from '../../ui/Page';
import { Person } from '../../ui/Person';
import { Table, type Column } from '../../ui/Table';
import { Time } from '../../ui/Time';
import { Questions } from './Questions';
import { RunState as StateOf } from './RunState';
import css from './Runs.module.css';
import { useTitleOf } from './useTitleOf';
import { STATES, waitingInWords } from './words';

export function RunsPage() {
  const { t } = useTranslation();
  const search = useSearch({ from: '/runs' });
  const navigate = useNavigate({ from: '/runs' });
  const [text, setText] = useState(search.q ?? '');
  useEffect(() => {
    const timer = setTimeout(() => { if ((search.q ?? '') !== text) void navigate({ search: (old) => ({ ...old, q: text || undefined }), replace: true }); }, 250);
    return () => clearTimeout(timer);
  }, [text, search.q, navigate]);
  const filter = { agent: search.agent, q: search.q, state: search.state as RunState[] | undefined };
  const runs = useInfiniteQuery(runsQuery(filter));
  const agents = useQuery(agentsQuery).data ?? [];
  const mayStart = agents.some((agent) => agent.i_may_start);
  const rows = runs.data?.pages.flatMap((page) => page.items) ?? [];
  const filtered = !!(search.q || search.agent || search.state?.length);
  return (
    <Page name={t('nav.runs')} title={t('nav.runs')} actions={mayStart && <ButtonLink to="/start" look="primary" icon={<Play size={14} aria-hidden />}>{t('nav.start')}</ButtonLink>}>
      <Questions />
      <div className={css.filters} role="search">
        <div className={css.search}><TextField hideLabel type="search" label={t('runs.search')} placeholder={t('runs.search')} icon={<Search size={15} />} value={text} onChange={(event) => setText(event.target.value)} /></div>
        <div className="row wrap" role="group" aria-label={t('runs.state')}>
          {STATES.map((state) => {
            const on = search.state?.includes(state) ?? false;
            return (
              <button key={state} type="button" className={css.chip} aria-pressed={on}
                onClick={() => void navigate({ replace: true, search: (old) => { const next = on ? old.state?.filter((each) => each !== state) : [...(old.state ?? []), state]; return { ...old, state: next?.length ? next : undefined }; } })}>
                {t(`state.${state}`)}
              </button>
            );
          })}
        </div>
        <div className={css.agent}><SelectField hideLabel label={t('runs.agent')} empty={t('runs.anyAgent')} value={search.agent ?? ''} options={agents.map((agent) => ({ value: agent.name, label: agent.title }))}
          onChange={(event) => void navigate({ search: (old) => ({ ...old, agent: event.target.value || undefined }), replace: true })} /></div>
        {filtered && <Button look="quiet" onClick={() => { setText(''); void navigate({ search: {}, replace: true }); }}>{t('runs.clear')}</Button>}
      </div>
      {runs.isError ? <Failed error={runs.error} onRetry={() => void runs.refetch()} />
        : runs.isPending ? <SkeletonRows rows={8} />
        : rows.length === 0 ? (
          <Empty icon={filtered ? Search : History} title={filtered ? t('runs.nothingFound') : t('runs.none')} text={filtered ? undefined : t('runs.noneText')}>
            {!filtered && mayStart && <ButtonLink to="/start" look="primary">{t('nav.start')}</ButtonLink>}
          </Empty>
        ) : (
          <>
            <RunTable rows={rows} />
            {runs.hasNextPage && <div className={css.more}><Button busy={runs.isFetchingNextPage} onClick={() => void runs.fetchNextPage()}>{t('common.showMore')}</Button></div>}
          </>
        )}
    </Page>
  );
}

function RunTable({ rows }: { rows: RunSummary[] }) {
  const { t } = useTranslation();
  const titleOf = useTitleOf();
  const columns: Column<RunSummary>[] = [
    { id: 'title', head: t('runs.workflow'), main: true, cell: (run) => <Link to="/runs/$run" params={{ run: run.id }}>{titleOf(run)}</Link> },
    { id: 'subject', head: t('runs.subject'), cell: (run) => <span className="ink2">{run.business_key}</span> },
    { id: 'state', head: t('runs.state'), cell: (run) => <StateAndWhy run={run} /> },
    { id: 'who', head: t('runs.startedBy'), wide: true, cell: (run) => <Person id={run.principal} name={run.principal_name} small /> },
    { id: 'when', head: t('runs.started'), wide: true, cell: (run) => <span className="muted"><Time at={run.started_at} as="relative" /></span> },
    { id: 'took', head: t('runs.took'), wide: true, end: true, cell: (run) => <span className="muted">{run.ended_at ? duration(new Date(run.ended_at).getTime() - new Date(run.started_at).getTime()) : '–'}</span> },
    { id: 'cost', head: t('run.cost'), wide: true, end: true, cell: (run) => <span className="muted num">{run.cost ? cost(run.cost.amount, run.cost.currency) : '–'}</span> },
  ];
  return <Table flush label={t('nav.runs')} rows={rows} columns={columns} rowKey={(run) => run.id} />;
}

function StateAndWhy({ run }: { run: RunSummary }) {
  const first = run.waiting?.[0];
  return (
    <span className="row">
      <StateOf run={run} quiet />
      {first && <span className={`xs muted trunc wide-only ${css.why}`}>{waitingInWords(first)}</span>}
    </span>
  );
}
