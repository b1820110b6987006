import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { withdraw, type Approval } from '../../api/approvals';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Inline } from '../../ui/Feedback';
import { TextArea } from '../../ui/Field';

export function WithdrawDialog({ approval, onClose }: { approval: Approval; onClose: () => void }) {
  const { t } = useTranslation();
  const [reason, setReason] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const go = async () => {
    setBusy(true);
    try {
      await withdraw(approval.id, reason.trim());
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} title={t('approvals.withdraw')} footer={
      <>
        <Button onClick={onClose}>{t('common.cancel')}</Button>
        <Button look="danger" busy={busy} disabled={!reason.trim()} onClick={() => void go()}>{t('approvals.withdraw')}</Button>
      </>
    }>
      <div className="col">
        <p className="sm ink2">{t('approvals.withdrawText')}</p>
        <TextArea label={t('approvals.reason')} required maxLength={2000} value={reason} onChange={(event) => setReason(event.target.value)} />
        <Inline error={error} />
      </div>
    </Dialog>
  );
}
