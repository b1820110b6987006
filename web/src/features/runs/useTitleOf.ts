import { useQuery } from '@tanstack/react-query';
import { agentsQuery } from '../../api/agents';
import type { RunSummary } from '../../api/runs';

/** What a run is called: its agent, in the viewer's language; of an agent that is gone, as the run itself says. */
export function useTitleOf(): (run: Pick<RunSummary, 'agent' | 'title' | 'business_key'>) => string {
  const agents = useQuery(agentsQuery).data;
  return (run) => {
    const own = agents?.find((agent) => agent.name === run.agent)?.title;
    return own ?? (run.business_key ? run.title.replace(` · ${run.business_key}`, '') : run.title);
  };
}
