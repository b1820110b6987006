import { useQuery } from '@tanstack/react-query';
import { OctagonX } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { freezesQuery, type Freeze } from '../api/risk';
import { LiftDialog } from '../features/stop/LiftDialog';
import { humanize, principalName } from '../ui/format';
import { Time } from '../ui/Time';
import css from './FreezeBanner.module.css';
import { useMay } from './session';

/** What is stopped, by whom and why: on every page, for everybody. */
export function FreezeBanner() {
  const { t } = useTranslation();
  const may = useMay();
  const [lifting, setLifting] = useState<Freeze | null>(null);
  const frozen = useQuery(freezesQuery).data?.filter((each) => !each.lifted_at) ?? [];
  if (frozen.length === 0) return null;
  return (
    <div className={css.banner} role="region" aria-label={t('stop.banner')}>
      {frozen.map((each) => (
        <p key={each.id} className={css.line}>
          <OctagonX size={15} aria-hidden />
          <span className="strong">{each.scope === 'tenant' ? t('stop.everything') : t(`stop.isStopped.${each.scope}`, { name: each.scope === 'tool' ? each.name : humanize(each.name.replace(/^agent:/, '')) })}</span>
          <span className={css.reason}>{each.reason}</span>
          <span className="wide-only">{principalName(each.frozen_by)} · <Time at={each.frozen_at} as="relative" /></span>
          {may('freeze') && <button type="button" className={css.lift} onClick={() => setLifting(each)}>{t('stop.lift')}</button>}
        </p>
      ))}
      {lifting && <LiftDialog freeze={lifting} onClose={() => setLifting(null)} />}
    </div>
  );
}
