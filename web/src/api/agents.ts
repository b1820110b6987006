import { queryOptions } from '@tanstack/react-query';
import { http, must, type Schemas } from './client';

export type AgentSummary = Schemas['AgentSummary'];
export type Agent = Schemas['Agent'];
export type AgentTool = Schemas['AgentTool'];
export type Graph = Schemas['Graph'];
export type GraphNode = Schemas['GraphNode'];

export const agentKeys = {
  all: ['agents'] as const,
  one: (name: string) => ['agents', name] as const,
};

export const agentsQuery = queryOptions({
  queryKey: agentKeys.all,
  queryFn: ({ signal }) => must<AgentSummary[]>(http.GET('/api/agents', { signal })),
  staleTime: 60_000,
});

export const agentQuery = (agent: string) => queryOptions({
  queryKey: agentKeys.one(agent),
  queryFn: ({ signal }) => must<Agent>(http.GET('/api/agents/{agent}', { params: { path: { agent } }, signal })),
  staleTime: 60_000,
});
