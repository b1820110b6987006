import { queryOptions } from '@tanstack/react-query';
import { http, must, queries, type Schemas } from './client';

export type ApprovalSummary = Schemas['ApprovalSummary'];
export type Approval = Schemas['Approval'];
export type ApprovalPage = Schemas['ApprovalPage'];
export type Mandate = Schemas['MandateView'];
export type MandateProposal = Schemas['MandateProposal'];

export type ApprovalFilter = { state?: 'pending' | 'closed' | 'all'; mine?: boolean; run?: string; agent?: string };

export const approvalKeys = {
  all: ['approvals'] as const,
  list: (filter: ApprovalFilter) => ['approvals', 'list', filter] as const,
  one: (approval: string) => ['approvals', 'one', approval] as const,
  candidates: (approval: string) => ['approvals', 'candidates', approval] as const,
  mandates: ['mandates'] as const,
  proposals: ['mandates', 'proposals'] as const,
  absences: ['absences'] as const,
};

export const approvalsQuery = (filter: ApprovalFilter) => queryOptions({
  queryKey: approvalKeys.list(filter),
  queryFn: ({ signal }) => must<ApprovalPage>(http.GET('/api/approvals', { params: { query: { ...filter, limit: 200 } }, signal })),
});

export const approvalQuery = (approval: string) => queryOptions({
  queryKey: approvalKeys.one(approval),
  queryFn: ({ signal }) => must<Approval>(http.GET('/api/approvals/{approval}', { params: { path: { approval } }, signal })),
});

/** To whom it may be handed over, holders of its roles first. */
export const candidatesQuery = (approval: string) => queryOptions({
  queryKey: approvalKeys.candidates(approval),
  queryFn: ({ signal }) => must<Schemas['Candidate'][]>(http.GET('/api/approvals/{approval}/candidates', { params: { path: { approval } }, signal })),
});

export const mandatesQuery = queryOptions({
  queryKey: approvalKeys.mandates,
  queryFn: ({ signal }) => must<Mandate[]>(http.GET('/api/mandates', { signal })),
});

export const proposalsQuery = queryOptions({
  queryKey: approvalKeys.proposals,
  queryFn: ({ signal }) => must<MandateProposal[]>(http.GET('/api/mandates/proposals', { signal })),
});

export const absencesQuery = queryOptions({
  queryKey: approvalKeys.absences,
  queryFn: ({ signal }) => must<Schemas['AbsenceView'][]>(http.GET('/api/absences', { signal })),
});

const renew = () => queries.invalidateQueries({ queryKey: approvalKeys.all });

/** One verdict, bound to the digest that the person saw. Raises Problem 409 when the request is another by now. */
export async function giveVerdict(approval: string, body: Schemas['NewVerdict']): Promise<Approval> {
  try {
    return await must<Approval>(http.POST('/api/approvals/{approval}/verdict', { params: { path: { approval } }, body }));
  } finally {
    await renew();
  }
}

export async function giveVerdicts(body: Schemas['NewVerdicts']): Promise<Schemas['VerdictsGiven']> {
  const given = await must<Schemas['VerdictsGiven']>(http.POST('/api/approvals/verdicts', { body }));
  await renew();
  return given;
}

export async function delegate(approval: string, to: string, comment: string): Promise<void> {
  await must(http.POST('/api/approvals/{approval}/delegate', { params: { path: { approval } }, body: { to, comment } }));
  await renew();
}

export async function withdraw(approval: string, reason: string): Promise<void> {
  await must(http.POST('/api/approvals/{approval}/withdraw', { params: { path: { approval } }, body: { reason } }));
  await renew();
}

export async function giveMandate(body: Schemas['NewMandate']): Promise<void> {
  await must(http.POST('/api/mandates', { body }));
  await queries.invalidateQueries({ queryKey: approvalKeys.mandates });
}

export async function revokeMandate(mandate: string, reason: string): Promise<void> {
  await must(http.POST('/api/mandates/{mandate}/revoke', { params: { path: { mandate } }, body: { reason } }));
  await queries.invalidateQueries({ queryKey: approvalKeys.mandates });
}

export async function createAbsence(to: string, since: string, until: string): Promise<void> {
  await must(http.POST('/api/absences', { body: { to, since, until } }));
  await queries.invalidateQueries({ queryKey: approvalKeys.absences });
}

export async function endAbsence(absence: string): Promise<void> {
  await must(http.DELETE('/api/absences/{absence}', { params: { path: { absence } } }));
  await queries.invalidateQueries({ queryKey: approvalKeys.absences });
}
