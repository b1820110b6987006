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

/** Sign in. The `__Host-` cookie is tried first; Safari drops it over plain http on loopback and gets one without it. */
export async function signIn(name: string, password: string): Promise<Me> {
  let me = await enter(name, password, true);
  if (location.protocol === 'http:' && !(await isSignedIn())) me = await enter(name, password, false);
  queries.clear();
  queries.setQueryData(meKeys.all, me);
  return me;
}

const enter = (name: string, password: string, host_cookie: boolean) =>
  must<Me>(http.POST('/api/session', { body: { name, password, tenant: '', host_cookie } }));

const isSignedIn = async () => (await http.GET('/api/session')).response.ok;

export async function signOut(): Promise<void> {
  await must(http.DELETE('/api/session'));
  queries.clear();
}
