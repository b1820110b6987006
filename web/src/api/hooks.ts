import { queryOptions } from '@tanstack/react-query';
import { http, must, queries, type Schemas } from './client';

export type Hook = Schemas['HookView'];
export type HookWithSecret = Schemas['HookWithSecret'];
export type Delivery = Schemas['DeliveryView'];

export const hookKeys = { all: ['hooks'] as const, deliveries: (hook: string) => ['hooks', hook, 'deliveries'] as const };

export const hooksQuery = queryOptions({
  queryKey: hookKeys.all,
  queryFn: ({ signal }) => must<Hook[]>(http.GET('/api/hooks', { signal })),
});

export const deliveriesQuery = (hook: string) => queryOptions({
  queryKey: hookKeys.deliveries(hook),
  queryFn: ({ signal }) => must<Delivery[]>(http.GET('/api/hooks/{hook}/deliveries', { params: { path: { hook } }, signal })),
  refetchInterval: 10_000,
});

const renew = () => queries.invalidateQueries({ queryKey: hookKeys.all });

/** The secret is in the answer and nowhere else, this once. */
export async function createHook(body: Schemas['NewHook']): Promise<HookWithSecret> {
  const made = await must<HookWithSecret>(http.POST('/api/hooks', { body }));
  await renew();
  return made;
}

/** Only its maker may. What is left out stays; so do address and secret. */
export async function changeHook(hook: string, body: Schemas['ChangeHook']): Promise<void> {
  await must(http.PATCH('/api/hooks/{hook}', { params: { path: { hook } }, body }));
  await renew();
}

/** A new secret; the old one stays good for the hours named. */
export async function rotateHook(hook: string, graceHours: number): Promise<HookWithSecret> {
  const changed = await must<HookWithSecret>(http.POST('/api/hooks/{hook}/rotate', { params: { path: { hook } }, body: { grace_hours: graceHours } }));
  await renew();
  return changed;
}

export async function turnHook(hook: string, on: boolean): Promise<void> {
  const params = { path: { hook } };
  await must(on ? http.POST('/api/hooks/{hook}/enable', { params }) : http.POST('/api/hooks/{hook}/disable', { params }));
  await renew();
}

/** What a message would start the agent with. Starts nothing. */
export const tryMapping = (body: Schemas['TryMapping']) => must<Schemas['TriedMapping']>(http.POST('/api/hooks/try', { body }));
