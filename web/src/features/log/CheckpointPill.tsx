import { useQuery } from '@tanstack/react-query';
import { ShieldCheck } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { checkpointQuery } from '../../api/log';
import { FULL, date, number } from '../../ui/format';
import { Pill } from '../../ui/State';

/** The newest signed commitment to the log. */
export function CheckpointPill() {
  const { t } = useTranslation();
  const checkpoint = useQuery({ ...checkpointQuery, retry: false }).data;
  if (!checkpoint || checkpoint.size === 0) return null;
  return (
    <span className="wide-only">
      <Pill tone="allow" icon={<ShieldCheck aria-hidden />} title={`${checkpoint.origin} · ${checkpoint.root}${checkpoint.signed_at ? ` · ${date(checkpoint.signed_at, FULL)}` : ''}`}>
        {t('log.sealed', { n: number(checkpoint.size) })}
      </Pill>
    </span>
  );
}
