import { queryOptions } from '@tanstack/react-query';
import { http, must, queries, type Schemas } from './client';

export type ConnectorSummary = Schemas['ConnectorSummary'];
export type ConnectorView = Schemas['ConnectorView'];
export type Health = Schemas['ConnectorHealth'];
export type ToolView = Schemas['ToolView'];
export type QuarantinedTool = Schemas['QuarantinedTool'];

export const connectorKeys = {
  all: ['connectors'] as const,
  list: ['connectors', 'list'] as const,
  one: (name: string) => ['connectors', 'one', name] as const,
  tools: ['connectors', 'tools'] as const,
  health: ['connectors', 'health'] as const,
  quarantine: ['connectors', 'quarantine'] as const,
};

export const connectorsQuery = queryOptions({
  queryKey: connectorKeys.list,
  queryFn: ({ signal }) => must<ConnectorSummary[]>(http.GET('/api/connectors', { signal })),
});

export const connectorQuery = (connector: string) => queryOptions({
  queryKey: connectorKeys.one(connector),
  queryFn: ({ signal }) => must<ConnectorView>(http.GET('/api/connectors/{connector}', { params: { path: { connector } }, signal })),
});

export const toolsQuery = queryOptions({
  queryKey: connectorKeys.tools,
  queryFn: ({ signal }) => must<ToolView[]>(http.GET('/api/tools', { signal })),
  staleTime: 60_000,
});

export const quarantineQuery = queryOptions({
  queryKey: connectorKeys.quarantine,
  queryFn: ({ signal }) => must<QuarantinedTool[]>(http.GET('/api/quarantine', { signal })),
});

const renew = () => queries.invalidateQueries({ queryKey: connectorKeys.all });

/** Every system is asked now; the answer is kept for a minute. */
export const healthQuery = queryOptions({
  queryKey: connectorKeys.health,
  queryFn: ({ signal }) => must<Health[]>(http.POST('/api/connectors/check', { signal })),
  staleTime: 60_000,
});

export async function checkConnector(connector: string): Promise<Health> {
  const health = await must<Health>(http.POST('/api/connectors/{connector}/check', { params: { path: { connector } } }));
  queries.setQueryData<Health[]>(connectorKeys.health, (known) => known && known.map((each) => (each.connector === connector ? health : each)));
  return health;
}

export async function acceptTool(tool: string, digest: string): Promise<void> {
  await must(http.POST('/api/quarantine/{tool}/accept', { params: { path: { tool } }, body: { digest } }));
  await renew();
}

export async function dismissTool(tool: string): Promise<void> {
  await must(http.POST('/api/quarantine/{tool}/dismiss', { params: { path: { tool } } }));
  await renew();
}

export const tryTool = (tool: string, args: Record<string, unknown>) =>
  must<Schemas['Tried']>(http.POST('/api/tools/{tool}/try', { params: { path: { tool } }, body: { arguments: args } }));
