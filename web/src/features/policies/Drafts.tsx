import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate } from '@tanstack/react-router';
import { FilePen, FilePlus } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { createDraft, draftsQuery } from '../../api/policy';
import type { Schemas } from '../../api/client';
import { useMay } from '../../app/session';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Empty, Failed, Inline, SkeletonRows } from '../../ui/Feedback';
import { TextArea, TextField } from '../../ui/Field';
import { Section } from '../../ui/Page';
import { Person } from '../../ui/Person';
import { State } from '../../ui/State';
import { Table } from '../../ui/Table';
import { Time } from '../../ui/Time';

export function Drafts() {
  const { t } = useTranslation();
  const may = useMay();
  const drafts = useQuery(draftsQuery);
  const [adding, setAdding] = useState(false);
  return (
    <Section title={t('policies.tabs.drafts')} beside={may('draft_policy') && <Button small icon={<FilePlus size={14} aria-hidden />} onClick={() => setAdding(true)}>{t('policies.newDraft')}</Button>}>
      {drafts.isError ? <Failed error={drafts.error} onRetry={() => void drafts.refetch()} /> : drafts.isPending ? <SkeletonRows rows={3} />
        : drafts.data.length === 0 ? <Empty icon={FilePen} title={t('policies.noDrafts')} text={t('policies.noDraftsText')} />
        : (
          <Table<Schemas['DraftSummary']> label={t('policies.tabs.drafts')} rows={drafts.data} rowKey={(draft) => draft.id} columns={[
            { id: 'title', head: t('policies.title'), main: true, cell: (draft) => <Link to="/policies/drafts/$draft" params={{ draft: draft.id }}>{draft.title}</Link> },
            { id: 'author', head: t('policies.author'), cell: (draft) => <Person id={draft.author} small /> },
            { id: 'changed', head: t('policies.changed'), wide: true, cell: (draft) => <Time at={draft.changed_at} as="relative" /> },
            { id: 'state', head: t('run.state'), cell: (draft) => <State name={draft.state} /> },
          ]} />
        )}
      {adding && <NewDraftDialog onClose={() => setAdding(false)} />}
    </Section>
  );
}

function NewDraftDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [title, setTitle] = useState('');
  const [reason, setReason] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const go = async () => {
    setBusy(true);
    try {
      const draft = await createDraft({ title: title.trim(), reason: reason.trim(), files: {} });
      await navigate({ to: '/policies/drafts/$draft', params: { draft: draft.id } });
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} title={t('policies.newDraft')} footer={<><Button onClick={onClose}>{t('common.cancel')}</Button><Button look="primary" busy={busy} disabled={!title.trim()} onClick={() => void go()}>{t('policies.create')}</Button></>}>
      <div className="col">
        <TextField autoFocus label={t('policies.title')} required maxLength={200} value={title} onChange={(event) => setTitle(event.target.value)} />
        <TextArea label={t('approvals.reason')} maxLength={2000} value={reason} onChange={(event) => setReason(event.target.value)} />
        <Inline error={error} />
      </div>
    </Dialog>
  );
}
