/** When to start, as people say it, and as the API takes it. Pure, so that it can be tested. */
import type { Schemas } from '../../api/client';

export type Often = 'hourly' | 'daily' | 'weekdays' | 'weekly' | 'monthly' | 'own';
export const OFTEN: readonly Often[] = ['hourly', 'daily', 'weekdays', 'weekly', 'monthly', 'own'];

/** `at` is local ("2026-11-24T08:00"), `time` a clock time, `weekday` 0 (Sunday) to 6, `day` 1 to 31; `until` is the last
 *  day ("2026-12-31") and `most` the number of runs, each empty where there is no limit. */
export type Plan = {
  kind: 'once' | 'again'; at: string; often: Often; time: string; weekday: string; day: string; cron: string; until: string; most: string; skip: boolean;
};

export const FRESH: Plan = { kind: 'once', at: '', often: 'weekdays', time: '08:00', weekday: '1', day: '1', cron: '0 8 * * MON-FRI', until: '', most: '', skip: false };

/** The viewer's own time zone, by its name in the tz database. */
export const zone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** The cron expression of a repeated plan. */
export function cronOf({ often, time, weekday, day, cron }: Plan): string {
  const [hour = '0', minute = '0'] = time.split(':').map((part) => String(Number(part)));
  switch (often) {
    case 'hourly': return `${minute} * * * *`;
    case 'daily': return `${minute} ${hour} * * *`;
    case 'weekdays': return `${minute} ${hour} * * MON-FRI`;
    case 'weekly': return `${minute} ${hour} * * ${weekday}`;
    case 'monthly': return `${minute} ${hour} ${day} * *`;
    case 'own': return cron.trim().replaceAll(/\s+/g, ' ');
  }
}

/** Whether it can be asked for at all; the server judges the rest. */
export const isWhole = (plan: Plan, now: number): boolean =>
  plan.kind === 'once' ? plan.at !== '' && new Date(plan.at).getTime() > now : cronOf(plan).split(' ').length === 5 && (plan.often === 'own' || plan.time !== '');

type When = Required<Pick<Schemas['NewSchedule'], 'at' | 'cron' | 'time_zone' | 'ends_at' | 'max_runs' | 'overlap'>>;

/** What the API takes: a moment goes with its offset, a pattern with the viewer's time zone. */
export function whenOf(plan: Plan): When {
  const again = plan.kind === 'again';
  return {
    at: again ? null : new Date(plan.at).toISOString(), cron: again ? cronOf(plan) : '', time_zone: zone(),
    ends_at: again && plan.until ? new Date(`${plan.until}T23:59:59`).toISOString() : null, max_runs: again && plan.most ? Number(plan.most) : null,
    overlap: again && plan.skip ? 'skip' : 'start',
  };
}

/** A moment as a field for local times takes it. */
export const localTime = (at: Date): string => new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);

/** The plan of a schedule that exists. */
export const planOfSchedule = (found: Pick<Schemas['ScheduleView'], 'at' | 'cron' | 'ends_at' | 'max_runs' | 'overlap'>): Plan => ({
  ...(found.at ? { ...FRESH, at: localTime(new Date(found.at)) } : planOf(found.cron)),
  until: found.ends_at ? localTime(new Date(found.ends_at)).slice(0, 10) : '', most: found.max_runs ? String(found.max_runs) : '', skip: found.overlap === 'skip',
});

/** The plan that a cron expression came from; one that no choice stands for is shown as it is. */
export function planOf(cron: string): Plan {
  const [minute = '', hour = '', day = '', month = '', week = ''] = cron.split(' ');
  const time = `${(/^\d+$/.test(hour) ? hour : '8').padStart(2, '0')}:${minute.padStart(2, '0')}`;
  const plan: Plan = { ...FRESH, kind: 'again', cron, time };
  const plain = (field: string) => /^\d+$/.test(field);
  if (!plain(minute) || month !== '*') return { ...plan, often: 'own', time: FRESH.time };
  if (hour === '*' && day === '*' && week === '*') return { ...plan, often: 'hourly' };
  if (!plain(hour)) return { ...plan, often: 'own', time: FRESH.time };
  if (day === '*' && week === '*') return { ...plan, often: 'daily' };
  if (day === '*' && /^(MON-FRI|1-5)$/i.test(week)) return { ...plan, often: 'weekdays' };
  if (day === '*' && /^[0-6]$/.test(week)) return { ...plan, often: 'weekly', weekday: week };
  if (plain(day) && week === '*') return { ...plan, often: 'monthly', day };
  return { ...plan, often: 'own', time: FRESH.time };
}
