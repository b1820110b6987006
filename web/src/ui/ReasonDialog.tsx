import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from './Button';
import { Dialog } from './Dialog';
import { Inline } from './Feedback';
import { TextArea } from './Field';

type ReasonDialogProps = {
  title: string;
  go: string;
  label: string;
  maxLength: number;
  look?: 'primary' | 'danger';
  children: ReactNode;
  onSend: (reason: string) => Promise<void>;
  onClose: () => void;
};

/** One act, with the reason that the log keeps: it stays open with the problem when the act fails. */
export function ReasonDialog({ title, go, label, maxLength, look = 'danger', children, onSend, onClose }: ReasonDialogProps) {
  const { t } = useTranslation();
  const [reason, setReason] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const send = async () => {
    setBusy(true);
    try {
      await onSend(reason.trim());
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} title={title} footer={
      <>
        <Button onClick={onClose}>{t('common.cancel')}</Button>
        <Button look={look} busy={busy} disabled={!reason.trim()} onClick={() => void send()}>{go}</Button>
      </>
    }>
      <div className="col">
        {children}
        <TextArea label={label} required maxLength={maxLength} value={reason} onChange={(event) => setReason(event.target.value)} />
        <Inline error={error} />
      </div>
    </Dialog>
  );
}
