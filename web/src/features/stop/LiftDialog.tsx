import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { lift, type Freeze } from '../../api/risk';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Inline } from '../../ui/Feedback';
import { TextArea } from '../../ui/Field';
import { FULL, date, principalName } from '../../ui/format';
import { Facts } from '../../ui/Table';
import css from './Stop.module.css';

/** Let it go on: the stop's reason in front of the person, a reason of their own for the log. */
export function LiftDialog({ freeze, onClose }: { freeze: Freeze; onClose: () => void }) {
  const { t } = useTranslation();
  const [reason, setReason] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const go = async () => {
    setBusy(true);
    try {
      await lift(freeze.id, reason.trim());
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} title={t('stop.liftTitle')} footer={
      <>
        <Button onClick={onClose}>{t('common.cancel')}</Button>
        <Button look="primary" busy={busy} disabled={!reason.trim()} onClick={() => void go()}>{t('stop.liftGo')}</Button>
      </>
    }>
      <div className={css.form}>
        <Facts items={[
          [t('stop.scope'), freeze.scope === 'tenant' ? t('stop.scopes.tenant') : freeze.name],
          [t('stop.reason'), freeze.reason],
          [t('stop.by'), `${principalName(freeze.frozen_by)}, ${date(freeze.frozen_at, FULL)}`],
        ]} />
        <TextArea label={t('stop.liftReason')} required maxLength={500} value={reason} onChange={(event) => setReason(event.target.value)} />
        <Inline error={error} />
      </div>
    </Dialog>
  );
}
