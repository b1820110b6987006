import { queryOptions } from '@tanstack/react-query';
import { http, must, queries, type Schemas } from './client';

export type Intake = Schemas['IntakeView'];

export const intakeKeys = { all: ['intakes'] as const };

export const intakesQuery = queryOptions({
  queryKey: intakeKeys.all,
  queryFn: ({ signal }) => must<Intake[]>(http.GET('/api/intakes', { signal })),
  refetchInterval: 10_000,
});

const renew = () => queries.invalidateQueries({ queryKey: intakeKeys.all });

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
