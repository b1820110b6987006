import { useQuery } from '@tanstack/react-query';
import { ListChecks, Split } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { casesQuery, separationQuery } from '../../api/policy';
import type { Schemas } from '../../api/client';
import { inLanguage } from '../../i18n/said';
import { Button } from '../../ui/Button';
import { Empty, Failed, SkeletonRows } from '../../ui/Feedback';
import { Section } from '../../ui/Page';
import { Person } from '../../ui/Person';
import { Pill, State } from '../../ui/State';
import { Table } from '../../ui/Table';

type Case = Schemas['CaseResultView'];
type Conflict = Schemas['SeparationConflict'];

/** Expected decisions, checked now; and people who hold a combination that nobody may hold. */
export function Checks() {
  const { t } = useTranslation();
  const cases = useQuery(casesQuery(''));
  const conflicts = useQuery(separationQuery);
  return (
    <>
      <Section title={t('policies.separation')}>
        {conflicts.isError ? <Failed error={conflicts.error} /> : conflicts.isPending ? <SkeletonRows rows={2} />
          : conflicts.data.length === 0 ? <Empty icon={Split} tone="allow" title={t('policies.noConflicts')} text={t('policies.noConflictsText')} />
          : <Conflicts rows={conflicts.data} />}
      </Section>
      <Section title={t('policies.cases')} beside={<Button small busy={cases.isFetching} icon={<ListChecks size={14} aria-hidden />} onClick={() => void cases.refetch()}>{t('policies.runCases')}</Button>}>
        {cases.isError ? <Failed error={cases.error} /> : cases.isPending ? <SkeletonRows rows={4} />
          : cases.data.length === 0 ? <Empty icon={ListChecks} title={t('policies.noCases')} text={t('policies.noCasesText')} />
          : <CaseTable rows={cases.data} />}
      </Section>
    </>
  );
}

export function Conflicts({ rows }: { rows: Conflict[] }) {
  const { t } = useTranslation();
  return (
    <Table<Conflict> label={t('policies.separation')} rows={rows} rowKey={(row) => `${row.separation}:${row.principal}`} columns={[
      { id: 'who', head: t('policies.person'), cell: (row) => <Person id={row.principal} /> },
      { id: 'words', head: t('policies.combination'), cell: (row) => <span>{inLanguage(row.sentences)}<br /><span className="mono xs muted">{[...row.one, ...row.other].join(' + ')}</span></span> },
      { id: 'accepted', head: t('policies.accepted'), wide: true, cell: (row) => (row.accepted ? <span className="ink2">{row.accepted}</span> : <Pill tone="deny">{t('policies.notAccepted')}</Pill>) },
    ]} />
  );
}

export function CaseTable({ rows }: { rows: Case[] }) {
  const { t } = useTranslation();
  const sorted = [...rows].sort((a, b) => Number(a.passed) - Number(b.passed));
  return (
    <Table<Case> label={t('policies.cases')} rows={sorted} rowKey={(row) => `${row.place}:${row.name}`} columns={[
      { id: 'ok', head: t('log.column.result'), cell: (row) => <Pill tone={row.passed ? 'allow' : 'deny'} quiet={row.passed}>{t(row.passed ? 'policies.asExpected' : 'policies.notExpected')}</Pill> },
      { id: 'name', head: t('policies.case'), cell: (row) => <span>{inLanguage(row.sentences) || row.name}{row.failed.map((each) => <span key={each} className="xs muted"><br />{each}</span>)}</span> },
      { id: 'expected', head: t('policies.expected'), cell: (row) => <State name={row.expected} quiet /> },
      { id: 'got', head: t('policies.got'), cell: (row) => <State name={row.got} quiet={row.passed} /> },
    ]} />
  );
}
