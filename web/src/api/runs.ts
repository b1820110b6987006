import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { http, must, queries, type Schemas } from './client';

export type Run = Schemas['Run'];
export type RunSummary = Schemas['RunSummaryView'];
export type RunState = RunSummary['state'];
export type RunEvent = Schemas['RunEventView'];
export type RunText = Schemas['RunTextView'];
export type Step = Schemas['Step'];
export type Waiting = Schemas['WaitingView'];
export type NodeState = Schemas['NodeState'];
export type PersonTask = Schemas['PersonTaskView'];

export type RunFilter = { agent?: string; state?: RunState[]; q?: string; principal?: string };

export const runKeys = {
  all: ['runs'] as const,
  lists: ['runs', 'list'] as const,
  list: (filter: RunFilter) => ['runs', 'list', filter] as const,
  one: (run: string) => ['runs', 'one', run] as const,
  steps: (run: string) => ['runs', 'steps', run] as const,
  texts: (run: string) => ['texts', run] as const,
  tasks: ['tasks'] as const,
};

export const runsQuery = (filter: RunFilter, limit = 50) => infiniteQueryOptions({
  queryKey: [...runKeys.list(filter), limit],
  initialPageParam: '',
  queryFn: ({ pageParam, signal }) =>
    must<Schemas['RunPage']>(http.GET('/api/runs', { params: { query: { ...filter, cursor: pageParam, limit } }, signal })),
  getNextPageParam: (page) => page.next ?? undefined,
});

export const runQuery = (run: string) => queryOptions({
  queryKey: runKeys.one(run),
  queryFn: ({ signal }) => must<Run>(http.GET('/api/runs/{run}', { params: { path: { run } }, signal })),
});

/** All steps, page after page: a story is read from its beginning. */
export const stepsQuery = (run: string) => queryOptions({
  queryKey: runKeys.steps(run),
  queryFn: async ({ signal }) => {
    const steps: Step[] = [];
    for (let after = 0; ;) {
      const page = await must<Schemas['StepPage']>(
        http.GET('/api/runs/{run}/steps', { params: { path: { run }, query: { after, limit: 500 } }, signal }));
      steps.push(...page.items);
      const last = page.items.at(-1);
      if (!page.next || !last) return steps;
      after = last.seq;
    }
  },
});

export const tasksQuery = queryOptions({
  queryKey: runKeys.tasks,
  queryFn: ({ signal }) => must<PersonTask[]>(http.GET('/api/tasks', { signal })),
});

const renew = () => queries.invalidateQueries({ queryKey: runKeys.all });

/** `key` makes a repeated press start the same run, not a second one. */
export async function startRun(agent: string, input: Record<string, unknown>, key: string): Promise<Run> {
  const run = await must<Run>(http.POST('/api/runs', { body: { agent, input, key } }));
  void renew();
  return run;
}

export const checkRows = (agent: string, rows: Record<string, unknown>[], key: string) =>
  must<Schemas['RowsChecked']>(http.POST('/api/runs/check', { body: { agent, rows, key } }));

export async function startRows(agent: string, rows: Record<string, unknown>[], key: string): Promise<string[]> {
  const started = await must<Schemas['StartedRows']>(http.POST('/api/runs/batch', { body: { agent, rows, key } }));
  void renew();
  return started.runs;
}

export async function pauseRun(run: string, reason: string): Promise<Run> {
  const paused = await must<Run>(http.POST('/api/runs/{run}/pause', { params: { path: { run } }, body: { reason } }));
  await renew();
  return paused;
}

export async function resumeRun(run: string): Promise<Run> {
  const going = await must<Run>(http.POST('/api/runs/{run}/resume', { params: { path: { run } }, body: { reason: '' } }));
  await renew();
  return going;
}

export async function stopRun(run: string, reason: string, hard = false): Promise<Run> {
  const stopped = await must<Run>(http.POST('/api/runs/{run}/stop', { params: { path: { run } }, body: { reason, hard } }));
  await renew();
  return stopped;
}

/** Where a failed or stopped run can be taken up, newest first. */
export const retryStepsQuery = (run: string) => queryOptions({
  queryKey: [...runKeys.one(run), 'retry'],
  queryFn: ({ signal }) => must<Schemas['RetrySteps']>(http.GET('/api/runs/{run}/retry', { params: { path: { run } }, signal })),
});

/** As a new run: from a step, where what took effect is not done again; or from its input. */
export async function retryRun(run: string, from: string): Promise<Run> {
  const retried = await must<Run>(http.POST('/api/runs/{run}/retry', { params: { path: { run } }, body: { from } }));
  await renew();
  return retried;
}

export async function answerTask(task: string, value: unknown): Promise<void> {
  await must(http.POST('/api/tasks/{task}/answer', { params: { path: { task } }, body: { value } }));
  await Promise.all([renew(), queries.invalidateQueries({ queryKey: runKeys.tasks })]);
}

export const evidenceUrl = (run: string) => `/api/runs/${encodeURIComponent(run)}/evidence`;
