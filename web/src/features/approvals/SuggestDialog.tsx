import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { giveVerdict, type Approval } from '../../api/approvals';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { TextArea } from '../../ui/Field';
import { JsonForm } from '../../ui/form/JsonForm';
import type { Schema } from '../../ui/form/schema';
import { toast } from '../../ui/toast';

type SuggestDialogProps = { approval: Approval; since: number; comment: string; onClose: () => void; onDone: () => void };

/** A no with other arguments. They authorise nothing: the agent may ask again with them, and policy decides afresh. */
export function SuggestDialog({ approval, since, comment: begun, onClose, onDone }: SuggestDialogProps) {
  const { t } = useTranslation();
  const [comment, setComment] = useState(begun);
  const [busy, setBusy] = useState(false);
  const go = async (instead: Record<string, unknown>) => {
    setBusy(true);
    try {
      const seconds_taken = (Date.now() - since) / 1000;
      await giveVerdict(approval.id, { approve: false, digest: approval.digest, comment: comment.trim(), seconds_taken, instead });
      toast(t('approvals.suggested'), 'rejected');
      onDone();
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} width={620} title={t('approvals.suggest')}>
      <JsonForm schema={approval.input_schema as Schema} initial={asked(approval)} onSubmit={go}
        before={<>
          <p className="sm ink2">{t('approvals.suggestText')}</p>
          <TextArea label={t('approvals.commentLabel')} maxLength={2000} rows={2} value={comment} onChange={(event) => setComment(event.target.value)} />
        </>}>
        <Button onClick={onClose}>{t('common.cancel')}</Button>
        <Button look="deny" type="submit" busy={busy}>{t('approvals.suggestGo')}</Button>
      </JsonForm>
    </Dialog>
  );
}

const asked = (approval: Approval) => (JSON.parse(approval.exact) as { arguments: Record<string, unknown> }).arguments;
