import { Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from './Button';
import { Dialog } from './Dialog';
import { Inline } from './Feedback';
import { toast } from './toast';

type DeleteDialogProps = { title: string; text: string; remove: () => Promise<void>; onClose: () => void };

/** Asks before something is gone for good, and says what stays. */
export function DeleteDialog({ title, text, remove, onClose }: DeleteDialogProps) {
  const { t } = useTranslation();
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const go = async () => {
    setBusy(true);
    try {
      await remove();
      toast(t('common.deleted'));
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
        <Button look="danger" busy={busy} onClick={() => void go()} icon={<Trash2 size={14} aria-hidden />}>{t('common.delete')}</Button>
      </>
    }>
      <div className="col"><p className="sm ink2">{text}</p><Inline error={error} /></div>
    </Dialog>
  );
}
