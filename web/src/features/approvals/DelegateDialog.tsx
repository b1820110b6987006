import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { delegate, type Approval } from '../../api/approvals';
import { peopleQuery } from '../../api/people';
import { useMay, useMe } from '../../app/session';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Inline } from '../../ui/Feedback';
import { SelectField, TextArea, TextField } from '../../ui/Field';
import { toast } from '../../ui/toast';

/** Hand a request over. Who may answer it, the server decides; what is offered is only a help. */
export function DelegateDialog({ approval, onClose }: { approval: Approval; onClose: () => void }) {
  const { t } = useTranslation();
  const me = useMe();
  const may = useMay();
  const [to, setTo] = useState('');
  const [comment, setComment] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const people = useQuery({ ...peopleQuery, enabled: may('read_people') }).data;
  const options = (people ?? []).filter((person) => person.kind === 'person' && person.active && person.principal !== me.principal && person.principal !== approval.requester)
    .map((person) => ({ value: person.principal, label: person.name }));
  const go = async () => {
    setBusy(true);
    try {
      await delegate(approval.id, to.includes(':') ? to : `person:${to.trim()}`, comment.trim());
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
      <div className="col">
        {options.length > 0
          ? <SelectField label={t('approvals.to')} required empty={t('approvals.choosePerson')} options={options} value={to} onChange={(event) => setTo(event.target.value)} />
          : <TextField label={t('approvals.to')} hint={t('approvals.toHint')} required spellCheck={false} autoCapitalize="none" value={to} onChange={(event) => setTo(event.target.value)} />}
        <TextArea label={t('approvals.commentLabel')} maxLength={2000} value={comment} onChange={(event) => setComment(event.target.value)} />
        <Inline error={error} />
      </div>
    </Dialog>
  );
}
