import { queryOptions } from '@tanstack/react-query';
import i18n from 'i18next';
import { http, must, queries, type Schemas } from './client';

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

const isChinese = () => i18n.language === 'zh';

/** The agent with its words in the viewer's language, where its author wrote them. */
function named<T extends AgentSummary>(agent: T): T {
  return isChinese() ? { ...agent, title: agent.title_zh || agent.title, description: agent.description_zh || agent.description } : agent;
}

i18n.on('languageChanged', () => void queries.invalidateQueries({ queryKey: agentKeys.all }));

export const agentsQuery = queryOptions({
  queryKey: agentKeys.all,
  queryFn: async ({ signal }) => (await must<AgentSummary[]>(http.GET('/api/agents', { signal }))).map(named),
  staleTime: 60_000,
});

export const agentQuery = (agent: string) => queryOptions({
  queryKey: agentKeys.one(agent),
  queryFn: async ({ signal }) => {
    const found = named(await must<Agent>(http.GET('/api/agents/{agent}', { params: { path: { agent } }, signal })));
    const nodes = found.graph.nodes.map((node) => ({ ...node, label: (isChinese() && node.label_zh) || node.label }));
    return { ...found, graph: { ...found.graph, nodes } };
  },
  staleTime: 60_000,
});

/** Answer for having looked at this version. Raises Problem 409 when another one runs by now. */
export async function reviewAgent(agent: string, version: string, comment: string): Promise<void> {
  await must(http.POST('/api/agents/{agent}/reviews', { params: { path: { agent } }, body: { version, comment } }));
  await queries.invalidateQueries({ queryKey: agentKeys.one(agent) });
}

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
