import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { candidatesQuery, delegate, type Approval } from '../../api/approvals';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Failed, Inline, SkeletonRows } from '../../ui/Feedback';
import { SelectField, TextArea } from '../../ui/Field';
import { humanize } from '../../ui/format';
import { toast } from '../../ui/toast';

/** Hand a request over to one of those who would be heard, holders of the roles that are asked first. */
export function DelegateDialog({ approval, onClose }: { approval: Approval; onClose: () => void }) {
  const { t } = useTranslation();
  const people = useQuery(candidatesQuery(approval.id));
  const [to, setTo] = useState('');
  const [comment, setComment] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const role = (name: string) => t(`role.${name.replaceAll('-', '_')}`, { defaultValue: humanize(name) });
  const go = async () => {
    setBusy(true);
    try {
      await delegate(approval.id, to, comment.trim());
      toast(t('approvals.delegated'));
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} title={t('approvals.delegate')} footer={
      <>
        <Button onClick={onClose}>{t('common.cancel')}</Button>
        <Button look="primary" busy={busy} disabled={!to} onClick={() => void go()}>{t('approvals.delegateGo')}</Button>
      </>
    }>
      {people.isError ? <Failed error={people.error} onRetry={() => void people.refetch()} /> : !people.data ? <SkeletonRows rows={3} /> : (
        <div className="col">
          {people.data.length === 0 && <p className="sm">{t('approvals.nobody')}</p>}
          <SelectField label={t('approvals.to')} required empty={t('approvals.choosePerson')} value={to} onChange={(event) => setTo(event.target.value)}
            options={people.data.map((person) => ({ value: person.principal, label: [person.name, person.holds.map(role).join(', ')].filter(Boolean).join(' · ') }))} />
          <TextArea label={t('approvals.commentLabel')} maxLength={2000} value={comment} onChange={(event) => setComment(event.target.value)} />
          <Inline error={error} />
        </div>
      )}
    </Dialog>
  );
}
