import { useQuery } from '@tanstack/react-query';
import { useDeferredValue } from 'react';
import { useTranslation } from 'react-i18next';
import { Problem } from '../../api/problem';
import { dueQuery } from '../../api/schedules';
import { cronInWords } from '../../ui/cron';
import { CheckField, Segmented, SelectField, TextField } from '../../ui/Field';
import { date, locale } from '../../ui/format';
import { Words } from '../../ui/Words';
import css from './Schedules.module.css';
import { cronOf, localTime, OFTEN, zone, type Often, type Plan } from './plan';

const DUE: Intl.DateTimeFormatOptions = { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', hour12: false };

const weekday = (day: number) => new Intl.DateTimeFormat(locale(), { weekday: 'long', timeZone: 'UTC' }).format(new Date(Date.UTC(2000, 0, 2 + day)));
const WEEK = [1, 2, 3, 4, 5, 6, 0];

/** When: once, or again and again, said back in words with the next five times. */
export function PlanFields({ plan, onChange }: { plan: Plan; onChange: (plan: Plan) => void }) {
  const { t } = useTranslation();
  const set = (change: Partial<Plan>) => onChange({ ...plan, ...change });
  return (
    <fieldset className={css.plan} aria-label={t('schedules.when')}>
      <Segmented label={t('schedules.when')} value={plan.kind} onChange={(kind) => set({ kind })} options={[{ value: 'once', label: t('schedules.once') }, { value: 'again', label: t('schedules.again') }]} />
      {plan.kind === 'once' ? (
        <TextField type="datetime-local" label={t('schedules.at')} hint={t('schedules.inZone', { zone: zone() })} required min={localTime(new Date())} value={plan.at} onChange={(event) => set({ at: event.target.value })} />
      ) : (
        <>
          <div className={css.two}>
            <SelectField label={t('schedules.often')} value={plan.often} options={OFTEN.map((often) => ({ value: often, label: t(`schedules.${often}`) }))}
              onChange={(event) => set({ often: event.target.value as Often, cron: cronOf(plan) })} />
            {plan.often === 'own'
              ? <TextField label={t('schedules.cron')} hint={t('schedules.cronHint')} required spellCheck={false} maxLength={100} value={plan.cron} onChange={(event) => set({ cron: event.target.value })} />
              : plan.often === 'hourly'
                ? <TextField type="number" min={0} max={59} label={t('schedules.minute')} required value={String(Number(plan.time.split(':')[1] ?? 0))} onChange={(event) => set({ time: `00:${event.target.value.padStart(2, '0').slice(-2)}` })} />
                : <TextField type="time" label={t('schedules.time')} required value={plan.time} onChange={(event) => set({ time: event.target.value })} />}
            {plan.often === 'weekly' && <SelectField label={t('schedules.weekday')} value={plan.weekday} options={WEEK.map((day) => ({ value: String(day), label: weekday(day) }))} onChange={(event) => set({ weekday: event.target.value })} />}
            {plan.often === 'monthly' && <TextField type="number" min={1} max={31} label={t('schedules.day')} required value={plan.day} onChange={(event) => set({ day: event.target.value })} />}
          </div>
          <Due cron={cronOf(plan)} />
          <details className={css.limits} open={plan.until !== '' || plan.most !== '' || plan.skip}>
            <summary className="link sm">{t('schedules.limits')}</summary>
            <div className={css.two}>
              <TextField type="date" label={t('schedules.until')} min={localTime(new Date()).slice(0, 10)} value={plan.until} onChange={(event) => set({ until: event.target.value })} />
              <TextField type="number" min={1} max={1_000_000} label={t('schedules.most')} value={plan.most} onChange={(event) => set({ most: event.target.value })} />
            </div>
            <CheckField label={t('schedules.skip')} hint={t('schedules.skipHint')} checked={plan.skip} onChange={(event) => set({ skip: event.target.checked })} />
          </details>
        </>
      )}
    </fieldset>
  );
}

/** What the server makes of an expression, in the viewer's language and time zone. */
function Due({ cron }: { cron: string }) {
  const { t } = useTranslation();
  const asked = useDeferredValue(cron);
  const due = useQuery({ ...dueQuery(asked, zone()), enabled: asked.split(' ').length === 5, placeholderData: (old) => old, retry: false });
  const words = cronInWords(cron);
  if (due.isError && due.error instanceof Problem && due.error.status === 422) return <p className={css.wrong} role="alert"><Words text={due.error.message} /></p>;
  return (
    <div className={css.due} role="status">
      {words && <p className="med">{words}</p>}
      <p className="xs muted">{t('schedules.inZone', { zone: zone() })}</p>
      {due.data && due.data.cron === cron && (
        <>
          <p className="xs muted">{t('schedules.nextTimes')}</p>
          <ol>{due.data.next.map((at) => <li key={at}><time dateTime={at} className="num">{date(at, DUE)}</time></li>)}</ol>
        </>
      )}
    </div>
  );
}
