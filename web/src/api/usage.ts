import { queryOptions } from '@tanstack/react-query';
import { http, must, type Schemas } from './client';

export type Usage = Schemas['Usage'];
export type UsageBy = Usage['by'];

export const usageKeys = { all: ['usage'] as const, by: (by: UsageBy, since: string) => ['usage', by, since] as const };

/** `since` is RFC 3339. */
export const usageQuery = (by: UsageBy, since: string) => queryOptions({
  queryKey: usageKeys.by(by, since),
  queryFn: ({ signal }) => must<Usage>(http.GET('/api/usage', { params: { query: { by, since } }, signal })),
});
