import { useTranslation } from 'react-i18next';
import { lift, type Freeze } from '../../api/risk';
import { FULL, date, principalName } from '../../ui/format';
import { ReasonDialog } from '../../ui/ReasonDialog';
import { Facts } from '../../ui/Table';

/** Let it go on: the stop's reason in front of the person, a reason of their own for the log. */
export function LiftDialog({ freeze, onClose }: { freeze: Freeze; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <ReasonDialog title={t('stop.liftTitle')} go={t('stop.liftGo')} look="primary" label={t('stop.liftReason')} maxLength={500} onSend={(reason) => lift(freeze.id, reason)} onClose={onClose}>
      <Facts items={[
        [t('stop.scope'), freeze.scope === 'tenant' ? t('stop.scopes.tenant') : freeze.name],
        [t('stop.reason'), freeze.reason],
        [t('stop.by'), `${principalName(freeze.frozen_by)}, ${date(freeze.frozen_at, FULL)}`],
      ]} />
    </ReasonDialog>
  );
}
