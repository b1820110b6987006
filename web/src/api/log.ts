import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { http, must, queries, type Schemas } from './client';

export type RecordRow = Schemas['RecordRow'];
export type RecordDetail = Schemas['RecordDetail'];
export type Facets = Schemas['Facets'];
export type FilterField = Schemas['FilterFieldView'];
export type InclusionProof = Schemas['InclusionProof'];
export type Checkpoint = Schemas['CheckpointView'];
export type SavedQuery = Schemas['SavedQueryView'];
export type Export = Schemas['Export'];

export const logKeys = {
  all: ['log'] as const,
  rows: (q: string) => ['log', 'rows', q] as const,
  facets: (q: string, bucket: string) => ['log', 'facets', q, bucket] as const,
  record: (seq: number) => ['log', 'record', seq] as const,
  proof: (seq: number) => ['log', 'proof', seq] as const,
  fields: ['log', 'fields'] as const,
  checkpoint: ['log', 'checkpoint'] as const,
  queries: ['log', 'queries'] as const,
  exports: ['log', 'exports'] as const,
};

const PAGE = 200;
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

export const rowsQuery = (q: string) => infiniteQueryOptions({
  queryKey: logKeys.rows(q),
  initialPageParam: '',
  queryFn: ({ pageParam, signal }) =>
    must<Schemas['RecordPage']>(http.GET('/api/log', { params: { query: { q, cursor: pageParam, limit: PAGE, zone: ZONE } }, signal })),
  getNextPageParam: (page) => page.next ?? undefined,
  staleTime: 30_000,
});

const FIELDS = ['decision', 'outcome', 'agent'];

export const facetsQuery = (q: string, bucket: Facets['bucket']) => queryOptions({
  queryKey: logKeys.facets(q, bucket),
  queryFn: ({ signal }) => must<Facets>(http.GET('/api/log/facets', { params: { query: { q, bucket, field: FIELDS, by: 'decision', zone: ZONE } }, signal })),
  staleTime: 30_000,
});

export const recordQuery = (seq: number) => queryOptions({
  queryKey: logKeys.record(seq),
  queryFn: ({ signal }) => must<RecordDetail>(http.GET('/api/log/records/{record}', { params: { path: { record: String(seq) } }, signal })),
});

export const proofQuery = (seq: number) => queryOptions({
  queryKey: logKeys.proof(seq),
  queryFn: ({ signal }) => must<InclusionProof>(http.GET('/api/log/records/{record}/proof', { params: { path: { record: String(seq) } }, signal })),
  staleTime: 0,
});

export const checkpointQuery = queryOptions({
  queryKey: logKeys.checkpoint,
  queryFn: ({ signal }) => must<Checkpoint>(http.GET('/api/log/checkpoint', { signal })),
});

/** Fields of the filter language with their values: all that completion needs. */
export const fieldsQuery = queryOptions({
  queryKey: logKeys.fields,
  queryFn: ({ signal }) => must<FilterField[]>(http.GET('/api/log/fields', { signal })),
  staleTime: 300_000,
});

export const savedQueriesQuery = queryOptions({
  queryKey: logKeys.queries,
  queryFn: ({ signal }) => must<SavedQuery[]>(http.GET('/api/log/queries', { signal })),
});

export async function saveQuery(name: string, query: string, shared: boolean): Promise<void> {
  await must(http.POST('/api/log/queries', { body: { name, query, shared } }));
  await queries.invalidateQueries({ queryKey: logKeys.queries });
}

export async function deleteQuery(name: string, shared: boolean): Promise<void> {
  await must(http.DELETE('/api/log/queries/{name}', { params: { path: { name }, query: { shared } } }));
  await queries.invalidateQueries({ queryKey: logKeys.queries });
}

/** While an export runs it is asked again every second. */
export const exportsQuery = queryOptions({
  queryKey: logKeys.exports,
  queryFn: ({ signal }) => must<Export[]>(http.GET('/api/log/exports', { signal })),
  refetchInterval: (query) => (query.state.data?.some((each) => each.state === 'running') ? 1000 : false),
});

export async function startExport(format: Export['format'], query: string): Promise<Export> {
  const started = await must<Export>(http.POST('/api/log/exports', { body: { format, query } }));
  await queries.invalidateQueries({ queryKey: logKeys.exports });
  return started;
}

export async function cancelExport(id: string): Promise<void> {
  await must(http.DELETE('/api/log/exports/{export}', { params: { path: { export: id } } }));
  await queries.invalidateQueries({ queryKey: logKeys.exports });
}

export const exportUrl = (id: string) => `/api/log/exports/${encodeURIComponent(id)}/file`;

/** Sibling hashes (hex) that show the log of `size` to continue the one of `old`. */
export const askConsistency = async (old: number, size: number): Promise<string[]> =>
  (await must<Schemas['ConsistencyProof']>(http.GET('/api/log/consistency', { params: { query: { old, new: size } } }))).path;
