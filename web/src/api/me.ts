import { queryOptions } from '@tanstack/react-query';
import { http, must, queries, type Schemas } from './client';

export type Me = Schemas['Me'];
export type Ability = Me['abilities'][number];

export const meKeys = { all: ['me'] as const };

export const meQuery = queryOptions({
  queryKey: meKeys.all,
  queryFn: ({ signal }) => must<Me>(http.GET('/api/session', { signal })),
  staleTime: 300_000,
  retry: false,
});

export async function signIn(name: string, password: string): Promise<Me> {
  const me = await must<Me>(http.POST('/api/session', { body: { name, password, tenant: '' } }));
  queries.clear();
  queries.setQueryData(meKeys.all, me);
  return me;
}

export async function signOut(): Promise<void> {
  await must(http.DELETE('/api/session'));
  queries.clear();
}
