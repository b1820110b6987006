import { queryOptions } from '@tanstack/react-query';
import { http, must, queries, type Schemas } from './client';

export type PolicyOverview = Schemas['PolicyOverview'];
export type RuleView = Schemas['RuleView'];
export type Explanation = Schemas['Explanation'];
export type DecisionView = Schemas['DecisionView'];
export type Draft = Schemas['DraftView'];
export type Backtest = Schemas['BacktestView'];

export const policyKeys = {
  all: ['policy'] as const,
  overview: ['policy', 'overview'] as const,
  revisions: ['policy', 'revisions'] as const,
  separation: ['policy', 'separation'] as const,
  cases: (draft: string) => ['policy', 'cases', draft] as const,
  drafts: ['policy', 'drafts'] as const,
  draft: (id: string) => ['policy', 'drafts', id] as const,
  diff: (id: string) => ['policy', 'drafts', id, 'diff'] as const,
};

export const policyQuery = queryOptions({
  queryKey: policyKeys.overview,
  queryFn: ({ signal }) => must<PolicyOverview>(http.GET('/api/policy', { signal })),
});

export const revisionsQuery = queryOptions({
  queryKey: policyKeys.revisions,
  queryFn: ({ signal }) => must<Schemas['RevisionView'][]>(http.GET('/api/policy/revisions', { signal })),
});

export const separationQuery = queryOptions({
  queryKey: policyKeys.separation,
  queryFn: ({ signal }) => must<Schemas['SeparationConflict'][]>(http.GET('/api/policy/separation', { signal })),
});

export const draftsQuery = queryOptions({
  queryKey: policyKeys.drafts,
  queryFn: ({ signal }) => must<Schemas['DraftSummary'][]>(http.GET('/api/policy/drafts', { signal })),
});

export const draftQuery = (draft: string) => queryOptions({
  queryKey: policyKeys.draft(draft),
  queryFn: ({ signal }) => must<Draft>(http.GET('/api/policy/drafts/{draft}', { params: { path: { draft } }, signal })),
});

export const diffQuery = (draft: string) => queryOptions({
  queryKey: policyKeys.diff(draft),
  queryFn: ({ signal }) => must<Schemas['DraftDiff']>(http.GET('/api/policy/drafts/{draft}/diff', { params: { path: { draft } }, signal })),
});

export const whoCan = (body: Schemas['WhoCanQuestion']) => must<Schemas['WhoCanView'][]>(http.POST('/api/policy/who-can', { body }));

export const explain = (body: Schemas['Question']) => must<Explanation>(http.POST('/api/policy/explain', { body }));

/** Expected decisions, checked under a draft, or under the policy in force for ''. */
export const casesQuery = (draft: string) => queryOptions({
  queryKey: policyKeys.cases(draft),
  queryFn: ({ signal }) => must<Schemas['CaseResultView'][]>(http.POST('/api/policy/cases/check', { params: { query: { draft } }, signal })),
});

export const backtest = (draft: string, last: number) =>
  must<Backtest>(http.POST('/api/policy/drafts/{draft}/backtest', { params: { path: { draft } }, body: { last } }));

const renew = () => queries.invalidateQueries({ queryKey: policyKeys.all });

export async function createDraft(body: Schemas['NewDraft']): Promise<Draft> {
  const draft = await must<Draft>(http.POST('/api/policy/drafts', { body }));
  await renew();
  return draft;
}

export async function changeDraft(draft: string, body: Schemas['ChangedDraft']): Promise<Draft> {
  const changed = await must<Draft>(http.PUT('/api/policy/drafts/{draft}', { params: { path: { draft } }, body }));
  await renew();
  return changed;
}

export async function abandonDraft(draft: string): Promise<void> {
  await must(http.DELETE('/api/policy/drafts/{draft}', { params: { path: { draft } } }));
  await renew();
}

export async function reviewDraft(draft: string, body: Schemas['Review']): Promise<void> {
  await must(http.POST('/api/policy/drafts/{draft}/review', { params: { path: { draft } }, body }));
  await renew();
}

export async function activateDraft(draft: string, contentHash: string): Promise<void> {
  await must(http.POST('/api/policy/drafts/{draft}/activate', { params: { path: { draft } }, body: { content_hash: contentHash } }));
  await renew();
}

export async function rollBack(revision: string, reason: string): Promise<void> {
  await must(http.POST('/api/policy/rollback', { body: { revision, reason } }));
  await renew();
}
