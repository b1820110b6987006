import { queryOptions } from '@tanstack/react-query';
import { http, must, queries, type Schemas } from './client';

export type Person = Schemas['Person'];
export type Role = Schemas['Role'];
export type Token = Schemas['Token'];

export const peopleKeys = { all: ['people'] as const, roles: ['people', 'roles'] as const, tokens: ['tokens'] as const };

export const peopleQuery = queryOptions({
  queryKey: peopleKeys.all,
  queryFn: ({ signal }) => must<Person[]>(http.GET('/api/people', { signal })),
});

export const rolesQuery = queryOptions({
  queryKey: peopleKeys.roles,
  queryFn: ({ signal }) => must<Role[]>(http.GET('/api/roles', { signal })),
});

export const tokensQuery = queryOptions({
  queryKey: peopleKeys.tokens,
  queryFn: ({ signal }) => must<Token[]>(http.GET('/api/tokens', { signal })),
});

export async function createPerson(body: Schemas['NewPerson']): Promise<void> {
  await must(http.POST('/api/people', { body }));
  await queries.invalidateQueries({ queryKey: peopleKeys.all });
}

export async function changePerson(principal: string, body: Schemas['ChangedPerson']): Promise<void> {
  await must(http.PATCH('/api/people/{principal}', { params: { path: { principal } }, body }));
  await queries.invalidateQueries({ queryKey: peopleKeys.all });
}

export async function setAttributes(principal: string, attributes: Record<string, string | null>): Promise<void> {
  await must(http.PATCH('/api/people/{principal}/attributes', { params: { path: { principal } }, body: { attributes } }));
  await queries.invalidateQueries({ queryKey: peopleKeys.all });
}

export async function createToken(name: string, days: number): Promise<Schemas['CreatedToken']> {
  const token = await must<Schemas['CreatedToken']>(http.POST('/api/tokens', { body: { name, days } }));
  await queries.invalidateQueries({ queryKey: peopleKeys.tokens });
  return token;
}

export async function revokeToken(token: string): Promise<void> {
  await must(http.DELETE('/api/tokens/{token}', { params: { path: { token } } }));
  await queries.invalidateQueries({ queryKey: peopleKeys.tokens });
}
