import { useQuery } from '@tanstack/react-query';
import { History } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { revisionsQuery, rollBack } from '../../api/policy';
import type { Schemas } from '../../api/client';
import { useMay } from '../../app/session';
import { Button } from '../../ui/Button';
import { Empty, Failed, SkeletonRows } from '../../ui/Feedback';
import { Section } from '../../ui/Page';
import { Person } from '../../ui/Person';
import { ReasonDialog } from '../../ui/ReasonDialog';
import { State } from '../../ui/State';
import { Table } from '../../ui/Table';
import { Time } from '../../ui/Time';

type Revision = Schemas['RevisionView'];

/** What was in force and who put it there; an earlier one can be put in force again, with a reason. */
export function Revisions() {
  const { t } = useTranslation();
  const may = useMay();
  const revisions = useQuery(revisionsQuery);
  const [back, setBack] = useState<Revision | null>(null);
  return (
    <Section title={t('policies.tabs.revisions')}>
      {revisions.isError ? <Failed error={revisions.error} onRetry={() => void revisions.refetch()} /> : revisions.isPending ? <SkeletonRows rows={3} />
        : revisions.data.length === 0 ? <Empty icon={History} title={t('policies.noRevisions')} text={t('policies.noRevisionsText')} />
        : (
          <Table<Revision> label={t('policies.tabs.revisions')} rows={revisions.data} rowKey={(each) => String(each.counter)} columns={[
            { id: 'title', head: t('policies.title'), cell: (each) => <span><span className="med">{each.title || each.reason}</span> <span className="mono muted xs">{each.revision.slice(0, 12)}</span></span> },
            { id: 'when', head: t('policies.activated'), cell: (each) => <Time at={each.activated_at} as="relative" /> },
            { id: 'by', head: t('policies.activatedBy'), wide: true, cell: (each) => each.activated_by && <Person id={each.activated_by} small /> },
            { id: 'review', head: t('policies.reviewedBy'), wide: true, cell: (each) => each.reviewed_by && <Person id={each.reviewed_by} small /> },
            { id: 'state', head: t('run.state'), cell: (each) => each.in_force && <State name="active" /> },
            { id: 'back', head: t('policies.rollBack'), hideHead: true, end: true, cell: (each) => !each.in_force && may('activate_policy') && <Button small onClick={() => setBack(each)}>{t('policies.rollBack')}</Button> },
          ]} />
        )}
      {back && <RollBackDialog revision={back} onClose={() => setBack(null)} />}
    </Section>
  );
}

function RollBackDialog({ revision, onClose }: { revision: Revision; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <ReasonDialog title={t('policies.rollBack')} go={t('policies.rollBack')} label={t('approvals.reason')} maxLength={2000} onSend={(reason) => rollBack(revision.revision, reason)} onClose={onClose}>
      <p className="sm ink2">{t('policies.rollBackText', { title: revision.title })}</p>
    </ReasonDialog>
  );
}
