import { queryOptions } from '@tanstack/react-query';
import { http, must, queries, type Schemas } from './client';

export type Schedule = Schemas['ScheduleView'];
export type DueTimes = Schemas['DueTimes'];

export const scheduleKeys = {
  all: ['schedules'] as const,
  due: (cron: string, zone: string) => ['schedules', 'due', cron, zone] as const,
};

/** Newest first; loaded anew now and then, because a due time that passes changes them. */
export const schedulesQuery = queryOptions({
  queryKey: scheduleKeys.all,
  queryFn: ({ signal }) => must<Schedule[]>(http.GET('/api/schedules', { signal })),
  staleTime: 5_000,
  refetchInterval: 10_000,
});

/** The next times of a cron expression. Raises Problem with the server's words where it is none. */
export const dueQuery = (cron: string, zone: string) => queryOptions({
  queryKey: scheduleKeys.due(cron, zone),
  queryFn: ({ signal }) => must<DueTimes>(http.GET('/api/schedules/due', { params: { query: { cron, time_zone: zone } }, signal })),
  staleTime: 30_000,
});

const renew = () => queries.invalidateQueries({ queryKey: scheduleKeys.all });

/** `key` makes a repeated press make the same schedule, not a second one. */
export async function createSchedule(body: Schemas['NewSchedule']): Promise<Schedule> {
  const made = await must<Schedule>(http.POST('/api/schedules', { body }));
  await renew();
  return made;
}

/** Only its maker may: it starts on the maker's behalf. What is left out stays. */
export async function changeSchedule(schedule: string, body: Schemas['ChangeSchedule']): Promise<void> {
  await must(http.PATCH('/api/schedules/{schedule}', { params: { path: { schedule } }, body }));
  await renew();
}

export async function turnSchedule(schedule: string, to: 'pause' | 'resume'): Promise<void> {
  const params = { path: { schedule } };
  await must(to === 'pause' ? http.POST('/api/schedules/{schedule}/pause', { params }) : http.POST('/api/schedules/{schedule}/resume', { params }));
  await renew();
}

export async function deleteSchedule(schedule: string): Promise<void> {
  await must(http.DELETE('/api/schedules/{schedule}', { params: { path: { schedule } } }));
  await renew();
}
