import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { figuresQuery, versionsQuery, type AgentVersion } from '../../api/agents';
import { Failed, Skeleton } from '../../ui/Feedback';
import { cost, duration, number, percent } from '../../ui/format';
import { Section } from '../../ui/Page';
import { Table } from '../../ui/Table';
import { Time } from '../../ui/Time';
import css from './Agent.module.css';

/** How the agent did lately: runs, success, time, approvals asked, spend. */
export function Figures({ agent }: { agent: string }) {
  const { t } = useTranslation();
  const query = useQuery(figuresQuery(agent));
  if (query.isError) return <Failed error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data) return <Skeleton height={84} />;
  const { data } = query;
  const ended = ['succeeded', 'failed', 'stopped'].reduce((sum, state) => sum + (data.by_state[state] ?? 0), 0);
  const tiles: [string, string, string?][] = [
    [t('agents.runs'), number(data.runs), t('agents.lastDays', { days: data.days })],
    [t('agents.success'), ended > 0 ? percent((data.by_state['succeeded'] ?? 0) / ended) : '–', t('agents.ended', { count: ended })],
    [t('agents.median'), data.median_seconds == null ? '–' : duration(data.median_seconds * 1000), t('agents.withPeople')],
    [t('agents.asked'), number(data.approvals_asked), t('agents.calls', { count: data.tool_calls })],
    [t('usage.cost'), data.cost.map((each) => cost(each.amount, each.currency)).join(' + ') || '–', data.unpriced > 0 ? t('usage.unpriced', { count: data.unpriced }) : undefined],
  ];
  return (
    <dl className={css.tiles} aria-label={t('agents.figures')}>
      {tiles.map(([label, value, under]) => (
        <div key={label} className={`card ${css.tile}`}>
          <dt className="sm muted">{label}</dt>
          <dd className={css.value}>{value}</dd>
          {under && <dd className="xs muted">{under}</dd>}
        </div>
      ))}
    </dl>
  );
}

/** Which versions have run: one still open there keeps its code. */
export function Versions({ agent }: { agent: string }) {
  const { t } = useTranslation();
  const query = useQuery(versionsQuery(agent));
  if (query.isError) return <Failed error={query.error} onRetry={() => void query.refetch()} />;
  if (!query.data?.length) return null;
  return (
    <Section title={t('agents.versions')}>
      <Table<AgentVersion> label={t('agents.versions')} rows={query.data} rowKey={(each) => each.version} columns={[
        { id: 'version', head: t('agents.version'), cell: (each) => <span className="row"><span className="mono trunc">{each.version.slice(0, 16)}</span>{each.current && <span className="xs muted">{t('agents.current')}</span>}</span> },
        { id: 'runs', head: t('agents.runs'), end: true, cell: (each) => number(each.runs) },
        { id: 'open', head: t('agents.open'), end: true, cell: (each) => number(each.open_runs) },
        { id: 'first', head: t('agents.firstRun'), wide: true, cell: (each) => <Time at={each.first_run_at} as="relative" /> },
        { id: 'last', head: t('agents.lastRun'), cell: (each) => <Time at={each.last_run_at} as="relative" /> },
      ]} />
    </Section>
  );
}
