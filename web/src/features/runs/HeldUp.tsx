import { Unplug } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { Run } from '../../api/runs';
import { said } from '../../i18n/said';
import { Pill } from '../../ui/State';
import { relative } from '../../ui/format';
import { useNow } from '../../ui/useNow';
import css from './Waiting.module.css';

/** Why an open run does not move, since when and where, and what a person may do about it. */
export function HeldUp({ run }: { run: Run }) {
  const { t } = useTranslation();
  const now = useNow(15_000);
  const held = run.held_up;
  if (!held) return null;
  const { kind, parameters } = held;
  const place = [held.node, held.line].filter(Boolean).join(' · ');
  return (
    <div className={css.card} data-kind="held_up" role="alert">
      <Unplug size={18} aria-hidden />
      <div className="grow">
        <p className="strong">{said({ sentence: held.sentence, message_id: `held_up.${kind}`, parameters })}</p>
        <p className={css.sub}>{said({ sentence: held.way_out, message_id: `held_up_way.${kind}`, parameters })}</p>
        <p className={css.sub}>{t('run.heldUpSince', { time: relative(held.since, now, 'long') })}{place && <> · <span className="mono">{place}</span></>}</p>
      </div>
    </div>
  );
}

/** The mark of such a run in a list. */
export function HeldUpMark({ kind, quiet }: { kind: string; quiet?: boolean }) {
  const { t } = useTranslation();
  return <Pill tone="fault" quiet={quiet} icon={<Unplug aria-hidden />}><span data-held-up={kind}>{t('run.heldUp')}</span></Pill>;
}
