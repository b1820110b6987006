import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Bot, Hand } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { agentsQuery, type AgentSummary } from '../../api/agents';
import { Empty, Failed, SkeletonRows } from '../../ui/Feedback';
import { humanize } from '../../ui/format';
import { Column, Page } from '../../ui/Page';
import { State } from '../../ui/State';
import { Table } from '../../ui/Table';

export function AgentsPage() {
  const { t } = useTranslation();
  const agents = useQuery(agentsQuery);
  return (
    <Page name={t('nav.agents')} title={t('nav.agents')}>
      <Column>
        {agents.isError ? <Failed error={agents.error} onRetry={() => void agents.refetch()} />
          : agents.isPending ? <SkeletonRows />
          : agents.data.length === 0 ? <Empty icon={Bot} title={t('agents.none')} text={t('agents.noneText')} />
          : (
            <Table<AgentSummary> label={t('nav.agents')} rows={agents.data} rowKey={(agent) => agent.name} columns={[
              { id: 'name', head: t('agents.agent'), main: true, cell: (agent) => <Link to="/agents/$agent" params={{ agent: agent.name }}>{agent.title}</Link> },
              { id: 'what', head: t('agents.what'), wide: true, cell: (agent) => <span className="ink2">{agent.description}</span> },
              { id: 'owner', head: t('agents.owner'), wide: true, cell: (agent) => humanize(agent.owner.replace(/^\w+:/, '')) },
              { id: 'asks', head: t('agents.asks'), wide: true, cell: (agent) => agent.may_ask_people && <span className="row muted"><Hand size={14} aria-hidden />{t('agents.may')}</span> },
              { id: 'version', head: t('agents.version'), wide: true, cell: (agent) => <span className="mono muted">{agent.version.slice(0, 10)}</span> },
              { id: 'state', head: t('run.state'), cell: (agent) => <State name={agent.frozen ? 'frozen' : 'active'} quiet={!agent.frozen} /> },
            ]} />
          )}
      </Column>
    </Page>
  );
}
