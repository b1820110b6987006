import { useTranslation } from 'react-i18next';
import { withdraw, type Approval } from '../../api/approvals';
import { ReasonDialog } from '../../ui/ReasonDialog';

export function WithdrawDialog({ approval, onClose }: { approval: Approval; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <ReasonDialog title={t('approvals.withdraw')} go={t('approvals.withdraw')} label={t('approvals.reason')} maxLength={2000} onSend={(reason) => withdraw(approval.id, reason)} onClose={onClose}>
      <p className="sm ink2">{t('approvals.withdrawText')}</p>
    </ReasonDialog>
  );
}
