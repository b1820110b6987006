import { afterAll, expect, test } from 'vitest';
import { startLanguage } from '../../i18n';
import { cronInWords } from '../../ui/cron';
import { cronOf, FRESH, isWhole, planOf, planOfSchedule, whenOf, type Plan } from './plan';

afterAll(() => startLanguage('en'));

const again = (plan: Partial<Plan>): Plan => ({ ...FRESH, kind: 'again', ...plan });

test('every choice becomes its pattern, and comes back from it', () => {
  const plans: [Partial<Plan>, string][] = [
    [{ often: 'hourly', time: '00:05' }, '5 * * * *'], [{ often: 'daily', time: '08:30' }, '30 8 * * *'], [{ often: 'weekdays', time: '07:00' }, '0 7 * * MON-FRI'],
    [{ often: 'weekly', time: '09:00', weekday: '0' }, '0 9 * * 0'], [{ often: 'monthly', time: '23:59', day: '15' }, '59 23 15 * *'], [{ often: 'own', cron: ' */20  * * * * ' }, '*/20 * * * *'],
  ];
  for (const [plan, cron] of plans) {
    expect(cronOf(again(plan))).toBe(cron);
    expect(planOf(cron).often).toBe(plan.often);
    expect(cronOf(planOf(cron))).toBe(cron);
  }
  for (const cron of ['0 8 1 * MON', '0 8 * 3 *', '0 8,9 * * *', '0 8 L * *']) expect(cronOf(planOf(cron))).toBe(cron);
});

test('what the API takes is a moment with its offset, or a pattern in the viewer’s zone', () => {
  const once = whenOf({ ...FRESH, at: '2030-01-02T03:04' });
  expect(once).toMatchObject({ at: new Date('2030-01-02T03:04').toISOString(), cron: '' });
  expect(whenOf(again({ often: 'daily' }))).toMatchObject({ at: null, cron: '0 8 * * *', time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone });
});

test('a schedule that exists comes back as the plan that made it', () => {
  for (const plan of [again({ often: 'weekly', weekday: '3', until: '2031-02-03', most: '7', skip: true }), { ...FRESH, at: '2031-01-02T03:04' }]) {
    const when = whenOf(plan);
    expect(whenOf(planOfSchedule({ ...when, at: when.at ?? null, ends_at: when.ends_at ?? null, max_runs: when.max_runs ?? null }))).toEqual(when);
  }
  expect(whenOf(again({ until: '2031-02-03', most: '7', skip: true }))).toMatchObject({ max_runs: 7, overlap: 'skip', ends_at: new Date('2031-02-03T23:59:59').toISOString() });
});

test('a time that is over, or a pattern of other than five fields, is not asked for', () => {
  const now = new Date('2030-01-01T00:00').getTime();
  expect(isWhole({ ...FRESH, at: '2029-12-31T23:59' }, now)).toBe(false);
  expect(isWhole({ ...FRESH, at: '2030-01-01T00:01' }, now)).toBe(true);
  expect(isWhole(FRESH, now)).toBe(false);
  expect(isWhole(again({ often: 'own', cron: '0 8 * *' }), now)).toBe(false);
});

test('a pattern is said in words in either language; what is none is not', async () => {
  expect(cronInWords('0 8 * * MON-FRI')).toBe('At 08:00, Monday through Friday');
  expect(cronInWords('0 8 * *')).toBeNull();
  expect(cronInWords('99 8 * * *')).toBeNull();
  await startLanguage('zh');
  expect(cronInWords('0 8 * * MON-FRI')).toBe('在08:00, 星期一至星期五');
});
