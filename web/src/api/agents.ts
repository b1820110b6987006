import { queryOptions } from '@tanstack/react-query';
import { http, must, type Schemas } from './client';

export type AgentSummary = Schemas['AgentSummary'];
export type Agent = Schemas['Agent'];
export type AgentTool = Schemas['AgentTool'];
export type AgentFigures = Schemas['AgentFigures'];
export type AgentVersion = Schemas['AgentVersion'];
export type Graph = Schemas['Graph'];
export type GraphNode = Schemas['GraphNode'];

export const agentKeys = {
  all: ['agents'] as const,
  one: (name: string) => ['agents', name] as const,
  figures: (name: string) => ['agents', name, 'figures'] as const,
  versions: (name: string) => ['agents', name, 'versions'] as const,
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

/** How it did over the last 30 days; for those with `read_runs`. */
export const figuresQuery = (agent: string) => queryOptions({
  queryKey: agentKeys.figures(agent),
  queryFn: ({ signal }) => must<AgentFigures>(http.GET('/api/agents/{agent}/figures', { params: { path: { agent } }, signal })),
  staleTime: 30_000,
});

/** Versions that have run, newest first; for those with `read_runs`. */
export const versionsQuery = (agent: string) => queryOptions({
  queryKey: agentKeys.versions(agent),
  queryFn: ({ signal }) => must<AgentVersion[]>(http.GET('/api/agents/{agent}/versions', { params: { path: { agent } }, signal })),
  staleTime: 30_000,
});
