import { queryOptions } from '@tanstack/react-query';
import { http, must, queries, type Schemas } from './client';

export type CallView = Schemas['CallView'];
export type CallFilter = { state?: 'in_flight' | 'in_doubt' | 'waiting' | 'done' | 'all'; agent?: string; tool?: string; connector?: string; run?: string };

export const callKeys = { all: ['calls'] as const, list: (filter: CallFilter) => ['calls', filter] as const };

export const callsQuery = (filter: CallFilter) => queryOptions({
  queryKey: callKeys.list(filter),
  queryFn: ({ signal }) => must<Schemas['CallPage']>(http.GET('/api/calls', { params: { query: { ...filter, limit: 100 } }, signal })),
});

export async function reconcile(key: string, body: Schemas['Reconcile']): Promise<void> {
  await must(http.POST('/api/calls/{key}/reconcile', { params: { path: { key } }, body }));
  await queries.invalidateQueries();
}
