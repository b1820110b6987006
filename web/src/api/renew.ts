/** Which queries a live event makes stale. */
import { agentKeys } from './agents';
import { approvalKeys } from './approvals';
import { callKeys } from './calls';
import { queries } from './client';
import { connectorKeys } from './connectors';
import type { LiveEvent } from './live';
import { policyKeys } from './policy';
import { riskKeys } from './risk';
import { runKeys } from './runs';

/** Query keys by kind of event; the empty key is everything. */
const STALE: Record<LiveEvent['kind'], (event: LiveEvent) => readonly (readonly unknown[])[]> = {
  counts: () => [],
  run: (event) => [runKeys.lists, runKeys.one(event.id), runKeys.steps(event.id), runKeys.tasks],
  approval: () => [approvalKeys.all, runKeys.lists],
  mandate: () => [approvalKeys.mandates],
  freeze: () => [riskKeys.freezes, agentKeys.all, connectorKeys.all],
  alert: () => [riskKeys.allAlerts],
  policy: () => [policyKeys.all],
  connector: () => [connectorKeys.all],
  call: () => [callKeys.all],
  task: () => [runKeys.tasks, runKeys.lists],
  reset: () => [[]],
};

let waiting = new Map<string, readonly unknown[]>();
let timer: ReturnType<typeof setTimeout> | undefined;

/** Gathers what a burst of events touched and loads each thing once. */
export function renew(event: LiveEvent): void {
  for (const key of STALE[event.kind](event)) waiting.set(JSON.stringify(key), key);
  if (timer || waiting.size === 0) return;
  timer = setTimeout(() => {
    timer = undefined;
    const keys = [...waiting.values()];
    waiting = new Map();
    for (const queryKey of keys) void queries.invalidateQueries({ queryKey });
  }, 150);
}
