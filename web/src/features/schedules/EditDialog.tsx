import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { agentQuery } from '../../api/agents';
import { changeSchedule, type Schedule } from '../../api/schedules';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { SkeletonRows } from '../../ui/Feedback';
import { JsonForm } from '../../ui/form/JsonForm';
import type { Schema } from '../../ui/form/schema';
import { toast } from '../../ui/toast';
import { isWhole, planOfSchedule, whenOf } from './plan';
import { PlanFields } from './PlanFields';

/** What is started, and when. Policy is asked again, as for a new plan. */
export function EditDialog({ schedule, onClose }: { schedule: Schedule; onClose: () => void }) {
  const { t } = useTranslation();
  const schema = useQuery(agentQuery(schedule.agent)).data?.input_schema as Schema | undefined;
  const [plan, setPlan] = useState(() => planOfSchedule(schedule));
  const [busy, setBusy] = useState(false);
  const submit = async (input: Record<string, unknown>) => {
    setBusy(true);
    try {
      await changeSchedule(schedule.id, { input, ...whenOf(plan) });
      toast(t('schedules.changed'));
      onClose();
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} title={t('schedules.editTitle')} width={620}>
      {!schema ? <SkeletonRows rows={5} /> : (
        <JsonForm schema={schema} initial={schedule.input} onSubmit={submit} before={<PlanFields plan={plan} onChange={setPlan} />}>
          <Button look="primary" type="submit" busy={busy} disabled={!isWhole(plan, Date.now())}>{t('common.save')}</Button>
          <Button onClick={onClose}>{t('common.cancel')}</Button>
        </JsonForm>
      )}
    </Dialog>
  );
}
