import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { callsQuery, type CallFilter } from '../../api/calls';
import type { FreezeScope } from '../../api/risk';
import { Pill, State } from '../../ui/State';
import { Time } from '../../ui/Time';
import css from './Stop.module.css';

/** Calls that left already. A stop can't call them back; they are settled and stay in the log. */
export function InFlight({ scope, name }: { scope: FreezeScope; name: string }) {
  const { t } = useTranslation();
  const of: CallFilter = scope === 'tenant' ? {} : { [scope]: name.replace(/^agent:/, '') };
  const flying = useQuery({ ...callsQuery({ ...of, state: 'in_flight' }), refetchInterval: 2000 }).data?.items;
  const waiting = useQuery({ ...callsQuery({ ...of, state: 'waiting' }), refetchInterval: 5000 }).data?.items;
  if (!flying) return null;
  return (
    <section className={css.flight} aria-label={t('stop.inFlight')}>
      <p className="heading">{flying.length === 0 ? t('stop.nothingInFlight') : t('stop.inFlightCount', { count: flying.length })}</p>
      <ul>
        {flying.slice(0, 6).map((call) => (
          <li key={call.key} className="row sm">
            <State name={call.effect} />
            <span className="grow trunc">{call.sentence || call.tool}</span>
            <span className="xs muted"><Time at={call.dispatched_at ?? call.proposed_at} as="relative" /></span>
          </li>
        ))}
      </ul>
      {waiting && waiting.length > 0 && <Pill tone="ask">{t('stop.waiting', { count: waiting.length })}</Pill>}
    </section>
  );
}
