import { WifiOff } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { useLive } from '../api/useLive';
import { CLOCK, date } from '../ui/format';
import { useNow } from '../ui/useNow';
import css from './StalePill.module.css';

const PATIENCE_MS = 1500;

/** Says that what is shown may be old, and since when. A blink of the connection is not worth a word. */
export function StalePill() {
  const { t } = useTranslation();
  const { state, since } = useLive();
  const now = useNow(500);
  const shown = state === 'stale' && now - since > PATIENCE_MS;
  return (
    <div role="status" className={css.place}>
      {shown && (
        <p className={css.pill}><WifiOff size={14} aria-hidden />{t('live.stale', { time: date(new Date(since).toISOString(), CLOCK) })}</p>
      )}
    </div>
  );
}
