import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { giveVerdicts, type ApprovalSummary } from '../../api/approvals';
import { worded } from '../../i18n/sentences';
import { Button } from '../../ui/Button';
import { Inline } from '../../ui/Feedback';
import { toast } from '../../ui/toast';
import css from './Batch.module.css';
import { canBatch } from './verdict';

/** One verdict on several equals of low risk. The server judges each alone and says which it refused. */
export function Batch({ items, onDone }: { items: ApprovalSummary[]; onDone: () => void }) {
  const { t } = useTranslation();
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const fits = canBatch(items);
  const send = async (approve: boolean) => {
    setBusy(true);
    setError(null);
    try {
      const given = await giveVerdicts({ approve, items: items.map(({ id, digest }) => ({ id, digest })), comment: '' });
      toast(t(approve ? 'approvals.approvedMany' : 'approvals.deniedMany', { count: given.done.length }), approve ? 'approved' : 'rejected');
      for (const refused of given.refused) toast(worded(refused.detail), 'failed');
      onDone();
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className={css.batch} role="region" aria-label={t('approvals.selected', { count: items.length })}>
      <div className="row between"><span className="strong sm">{t('approvals.selected', { count: items.length })}</span><Button look="quiet" small onClick={onDone}>{t('approvals.clear')}</Button></div>
      <p className="xs muted">{t(fits ? 'approvals.batchRule' : 'approvals.batchMixed')}</p>
      <Inline error={error} />
      <div className={css.buttons}>
        <Button busy={busy} disabled={!fits} onClick={() => void send(false)}>{t('approvals.deny')}</Button>
        <Button look="approve" busy={busy} disabled={!fits} onClick={() => void send(true)}>{t('approvals.approveMany', { count: items.length })}</Button>
      </div>
    </div>
  );
}
