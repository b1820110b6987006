import { useQuery } from '@tanstack/react-query';
import { Stamp } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { mandatesQuery, proposalsQuery, revokeMandate, type Mandate, type MandateProposal } from '../../api/approvals';
import { useMay } from '../../app/session';
import { Button } from '../../ui/Button';
import { Empty, Failed, SkeletonRows } from '../../ui/Feedback';
import { DAY, date, humanize, money, number, principalName } from '../../ui/format';
import { Column, Section } from '../../ui/Page';
import { toastProblem } from '../../ui/problem';
import { State } from '../../ui/State';
import { Table } from '../../ui/Table';
import { MandateDialog } from './MandateDialog';
import { Words } from '../../ui/Words';
import css from './Mandates.module.css';

/** Standing pre-approvals: what history suggests, what is in force, how far it is used. */
export function Mandates() {
  const { t } = useTranslation();
  const may = useMay();
  const mandates = useQuery(mandatesQuery);
  const proposals = useQuery({ ...proposalsQuery, enabled: may('give_mandate') }).data ?? [];
  const [giving, setGiving] = useState<MandateProposal | 'own' | null>(null);
  return (
    <div className={css.scroll} tabIndex={0} role="region" aria-label={t('approvals.mandates')}>
      <Column>
        {proposals.length > 0 && (
          <Section title={t('mandates.proposed')}>
            <ul className={css.proposals}>
              {proposals.map((each) => (
                <li key={each.id} className={`card ${css.proposal}`}>
                  <div className="grow"><p className="med"><Words text={each.sentence} /></p><p className="xs muted">{t('mandates.evidence', { approved: each.approved, rejected: each.rejected, days: each.days })}</p></div>
                  <Button small onClick={() => setGiving(each)}>{t('mandates.look')}</Button>
                </li>
              ))}
            </ul>
          </Section>
        )}
        <Section title={t('mandates.inForce')} beside={may('give_mandate') && <Button small onClick={() => setGiving('own')}>{t('mandates.give')}</Button>}>
          {mandates.isError ? <Failed error={mandates.error} onRetry={() => void mandates.refetch()} /> : mandates.isPending ? <SkeletonRows rows={3} />
            : mandates.data.length === 0 ? <Empty icon={Stamp} title={t('mandates.none')} text={t('mandates.noneText')} />
            : <MandateTable rows={mandates.data} />}
        </Section>
      </Column>
      {giving && <MandateDialog proposal={giving === 'own' ? undefined : giving} onClose={() => setGiving(null)} />}
    </div>
  );
}

function MandateTable({ rows }: { rows: Mandate[] }) {
  const { t } = useTranslation();
  const may = useMay();
  const amount = (value: string, each: Mandate) => (each.currency ? money(value || '0', each.currency) : value);
  const revoke = async (each: Mandate) => {
    try {
      await revokeMandate(each.id, t('mandates.revokedHere'));
    } catch (problem) {
      toastProblem(problem);
    }
  };
  return (
    <Table<Mandate> label={t('mandates.inForce')} rows={rows} rowKey={(each) => each.id} columns={[
      { id: 'what', head: t('mandates.what'), cell: (each) => <span><span className="med">{humanize(each.agent)}</span> <span className="mono muted">{each.tool}</span></span> },
      { id: 'calls', head: t('mandates.calls'), end: true, cell: (each) => `${number(each.calls_used)} / ${number(each.calls)}` },
      { id: 'total', head: t('mandates.total'), end: true, wide: true, cell: (each) => (each.total ? `${amount(each.total_used, each)} / ${amount(each.total, each)}` : '–') },
      { id: 'until', head: t('mandates.until'), wide: true, cell: (each) => date(each.until, DAY) },
      { id: 'by', head: t('mandates.by'), wide: true, cell: (each) => principalName(each.given_by) },
      { id: 'state', head: t('run.state'), cell: (each) => <State name={each.state} quiet={each.state === 'active'} /> },
      { id: 'revoke', head: t('mandates.revoke'), hideHead: true, end: true, cell: (each) => each.state === 'active' && may('give_mandate') && <Button small look="deny" onClick={() => void revoke(each)}>{t('mandates.revoke')}</Button> },
    ]} />
  );
}
