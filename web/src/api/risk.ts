import { queryOptions } from '@tanstack/react-query';
import { http, must, queries, type Schemas } from './client';

export type Freeze = Schemas['FreezeView'];
export type FreezeScope = Freeze['scope'];
export type Alert = Schemas['AlertView'];

export const riskKeys = {
  freezes: ['freezes'] as const,
  alerts: (state: string) => ['alerts', state] as const,
  allAlerts: ['alerts'] as const,
};

export const freezesQuery = queryOptions({
  queryKey: riskKeys.freezes,
  queryFn: ({ signal }) => must<Freeze[]>(http.GET('/api/freezes', { signal })),
});

export const alertsQuery = (state: 'open' | 'handled' | 'all') => queryOptions({
  queryKey: riskKeys.alerts(state),
  queryFn: ({ signal }) => must<Alert[]>(http.GET('/api/alerts', { params: { query: { state } }, signal })),
});

export async function freeze(body: Schemas['NewFreeze']): Promise<void> {
  await must(http.POST('/api/freezes', { body }));
  await queries.invalidateQueries();
}

export async function lift(id: string, reason: string): Promise<void> {
  await must(http.POST('/api/freezes/{freeze}/lift', { params: { path: { freeze: id } }, body: { reason } }));
  await queries.invalidateQueries();
}

export async function handleAlert(alert: string, dismiss: boolean, comment: string): Promise<void> {
  await must(http.POST('/api/alerts/{alert}/handle', { params: { path: { alert } }, body: { dismiss, comment } }));
  await queries.invalidateQueries({ queryKey: riskKeys.allAlerts });
}
