import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { ChartColumn } from 'lucide-react';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { usageQuery, type Usage, type UsageBy } from '../../api/usage';
import { Bars, Swatch, type Series } from '../../ui/Bars';
import { Empty, Failed, Skeleton } from '../../ui/Feedback';
import { Segmented } from '../../ui/Field';
import { compact, cost, DAY, date, humanize, number, principalName } from '../../ui/format';
import { Column, Page, Section } from '../../ui/Page';
import { Table } from '../../ui/Table';
import css from './Usage.module.css';

const BY: UsageBy[] = ['agent', 'model', 'principal', 'outcome'];
const COLOURS = [1, 2, 3, 4, 5].map((n) => `var(--series-${n})`);
const OTHER = 'var(--series-6)';
const since = (days: number) => { const day = new Date(Date.now() - days * 864e5); day.setUTCHours(0, 0, 0, 0); return day.toISOString(); };

export function UsagePage() {
  const { t } = useTranslation();
  const [by, setBy] = useState<UsageBy>('agent');
  const [days, setDays] = useState('30');
  const from = useMemo(() => since(Number(days)), [days]);
  const usage = useQuery({ ...usageQuery(by, from), placeholderData: keepPreviousData });
  return (
    <Page name={t('nav.usage')} title={t('nav.usage')} actions={<Segmented label={t('usage.period')} value={days} onChange={setDays} options={['7', '30', '90'].map((value) => ({ value, label: t('usage.days', { count: Number(value) }) }))} />}>
      <Column>
        {usage.isError ? <Failed error={usage.error} onRetry={() => void usage.refetch()} /> : !usage.data ? <Skeleton height={260} /> : (
          <>
            <Totals usage={usage.data} />
            <Segmented label={t('usage.by')} value={by} onChange={setBy} options={BY.map((value) => ({ value, label: t(`usage.groups.${value}`) }))} />
            {usage.data.rows.length === 0 ? <Empty icon={ChartColumn} title={t('usage.none')} text={t('usage.noneText')} /> : <Chart usage={usage.data} />}
            <Budgets usage={usage.data} />
          </>
        )}
      </Column>
    </Page>
  );
}

function Totals({ usage }: { usage: Usage }) {
  const { t } = useTranslation();
  const calls = usage.totals.reduce((sum, each) => sum + each.calls, 0);
  const tokens = usage.totals.reduce((sum, each) => sum + each.tokens_in + each.tokens_out, 0);
  const unpriced = usage.totals.reduce((sum, each) => sum + each.unpriced, 0);
  const tiles: [string, string, string?][] = [
    ...usage.totals.filter((each) => each.currency && Number(each.cost) > 0).map((each): [string, string] => [t('usage.cost'), cost(each.cost, each.currency)]),
    [t('usage.calls'), number(calls), unpriced > 0 ? t('usage.unpriced', { count: unpriced }) : undefined],
    [t('usage.tokens'), compact(tokens)],
  ];
  return <dl className={css.tiles}>{tiles.map(([label, value, under]) => <div key={label + value} className={`card ${css.tile}`}><dt className="sm muted">{label}</dt><dd className={css.value}>{value}</dd>{under && <dd className="xs muted">{under}</dd>}</div>)}</dl>;
}

type Group = { id: string; calls: number; tokens: number; cost: number; currency: string };

function groupsOf(usage: Usage): Group[] {
  const groups = new Map<string, Group>();
  for (const row of usage.rows) {
    const group = groups.get(row.group) ?? { id: row.group, calls: 0, tokens: 0, cost: 0, currency: row.currency };
    groups.set(row.group, { ...group, calls: group.calls + row.calls, tokens: group.tokens + row.tokens_in + row.tokens_out, cost: group.cost + Number(row.cost), currency: group.currency || row.currency });
  }
  return [...groups.values()].sort((a, b) => b.cost - a.cost || b.tokens - a.tokens || b.calls - a.calls);
}

/** Sums here are for the height of a bar; amounts in words come from the server as exact text. */
function Chart({ usage }: { usage: Usage }) {
  const { t } = useTranslation();
  const groups = groupsOf(usage);
  const priced = groups.some((group) => group.cost > 0);
  const measure = priced ? 'cost' : 'calls';
  const currency = groups.find((group) => group.currency)?.currency ?? '';
  const named = (id: string) => (usage.by === 'outcome' ? t(`state.${id}`, { defaultValue: humanize(id) }) : usage.by === 'principal' ? principalName(id) : usage.by === 'agent' ? humanize(id.replace(/^agent:/, '')) : id) || t('usage.unnamed');
  const top = groups.slice(0, COLOURS.length);
  const series: Series[] = [...top.map((group, i) => ({ id: group.id, label: named(group.id), colour: COLOURS[i]! })), ...(groups.length > top.length ? [{ id: '…', label: t('log.other'), colour: OTHER }] : [])];
  const days = daysBetween(usage.since, usage.until);
  const bars = days.map((day) => {
    const parts: Record<string, number> = {};
    for (const row of usage.rows.filter((each) => each.at.slice(0, 10) === day)) {
      const id = top.some((group) => group.id === row.group) ? row.group : '…';
      parts[id] = (parts[id] ?? 0) + (priced ? Number(row.cost) : row.calls);
    }
    return { id: day, label: date(day, DAY), parts };
  });
  const show = (value: number) => (priced ? cost(value, currency) : number(Math.round(value)));
  const most = groups[0]?.[measure] || 1;
  return (
    <>
      <div className={`card ${css.chart}`}>
        <div className="row between wrap"><h2 className="heading">{t(priced ? 'usage.costPerDay' : 'usage.callsPerDay')}</h2><div className="row wrap xs ink2">{series.map((each) => <Swatch key={each.id} colour={each.colour}>{each.label}</Swatch>)}</div></div>
        <Bars axis height={210} label={t(priced ? 'usage.costPerDay' : 'usage.callsPerDay')} series={series} bars={bars} format={show} />
      </div>
      <Table<Group> label={t(`usage.groups.${usage.by}`)} rows={groups} rowKey={(group) => group.id} columns={[
        { id: 'name', head: t(`usage.groups.${usage.by}`), cell: (group) => <span className="med">{named(group.id)}</span> },
        { id: 'calls', head: t('usage.calls'), end: true, cell: (group) => number(group.calls) },
        { id: 'tokens', head: t('usage.tokens'), end: true, wide: true, cell: (group) => compact(group.tokens) },
        { id: 'cost', head: t('usage.cost'), end: true, cell: (group) => (group.cost > 0 ? cost(group.cost, group.currency) : '–') },
        { id: 'share', head: t('usage.share'), hideHead: true, wide: true, cell: (group) => <span className={css.lane}><span className={css.bar} style={{ width: `${(group[measure] / most) * 100}%`, background: series.find((each) => each.id === group.id)?.colour ?? OTHER }} /></span> },
      ]} />
    </>
  );
}

function daysBetween(from: string, to: string): string[] {
  const days: string[] = [];
  for (let at = Date.parse(`${from.slice(0, 10)}T00:00:00Z`); at <= Date.parse(to); at += 864e5) days.push(new Date(at).toISOString().slice(0, 10));
  return days;
}

function Budgets({ usage }: { usage: Usage }) {
  const { t } = useTranslation();
  if (usage.budgets.length === 0) return null;
  return (
    <Section title={t('usage.budgets')}>
      <ul className={`card ${css.budgets}`}>
        {usage.budgets.map((budget) => {
          const amount = (value: string) => (budget.unit === 'calls' ? number(Number(value)) : cost(value, budget.unit));
          const used = Number(budget.spent) + Number(budget.reserved);
          return (
            <li key={`${budget.scope}:${budget.unit}`}>
              <span className="row between sm"><span className="med trunc">{budget.scope === 'tenant' ? t('usage.wholeTenant') : budget.scope}</span><span className="num muted">{amount(budget.spent)} / {amount(budget.limit)}{Number(budget.reserved) > 0 && ` (+${amount(budget.reserved)})`}</span></span>
              <meter className={css.meter} min={0} max={Number(budget.limit) || 1} high={Number(budget.limit) * 0.8} value={used} aria-label={budget.scope} />
            </li>
          );
        })}
      </ul>
    </Section>
  );
}
