import { queryOptions } from '@tanstack/react-query';
import { http, must, queries, type Schemas } from './client';

export type Intake = Schemas['IntakeView'];
export type IntakeTool = Schemas['IntakeTool'];

export const intakeKeys = { all: ['intakes'] as const, tools: ['intake-tools'] as const };

export const intakesQuery = queryOptions({
  queryKey: intakeKeys.all,
  queryFn: ({ signal }) => must<Intake[]>(http.GET('/api/intakes', { signal })),
  refetchInterval: 10_000,
});

/** Reviewed tools that offer messages. */
export const intakeToolsQuery = queryOptions({
  queryKey: intakeKeys.tools,
  queryFn: ({ signal }) => must<IntakeTool[]>(http.GET('/api/intakes/tools', { signal })),
  staleTime: 60_000,
});

const renew = () => queries.invalidateQueries({ queryKey: intakeKeys.all });

/** The server reads once, to see that it works. */
export async function createIntake(body: Schemas['NewIntake']): Promise<void> {
  await must(http.POST('/api/intakes', { body }));
  await renew();
}

/** Runs that it started are untouched. */
export async function deleteIntake(intake: string): Promise<void> {
  await must(http.DELETE('/api/intakes/{intake}', { params: { path: { intake } } }));
  await renew();
}

/** Only its maker may. What is left out stays; it goes on where it was. */
export async function changeIntake(intake: string, body: Schemas['ChangeIntake']): Promise<void> {
  await must(http.PATCH('/api/intakes/{intake}', { params: { path: { intake } }, body }));
  await renew();
}

export async function turnIntake(intake: string, to: 'pause' | 'resume'): Promise<void> {
  const params = { path: { intake } };
  await must(to === 'pause' ? http.POST('/api/intakes/{intake}/pause', { params }) : http.POST('/api/intakes/{intake}/resume', { params, body: {} }));
  await renew();
}
