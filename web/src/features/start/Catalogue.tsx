import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Bot, Hand, Search, Snowflake, Workflow } from 'lucide-react';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { agentsQuery, type AgentSummary } from '../../api/agents';
import { Empty, Failed, Skeleton } from '../../ui/Feedback';
import { Segmented, TextField } from '../../ui/Field';
import { humanize } from '../../ui/format';
import { Column, Page } from '../../ui/Page';
import { Tile } from '../../ui/State';
import css from './Start.module.css';

export function Catalogue() {
  const { t } = useTranslation();
  const agents = useQuery(agentsQuery);
  const [text, setText] = useState('');
  const [category, setCategory] = useState('');
  const categories = useMemo(() => [...new Set(agents.data?.map((agent) => agent.category).filter(Boolean))], [agents.data]);
  const shown = agents.data?.filter((agent) =>
    (!category || agent.category === category) && `${agent.title} ${agent.description} ${agent.name}`.toLowerCase().includes(text.trim().toLowerCase()));
  return (
    <Page name={t('nav.start')} title={t('nav.start')}>
      <Column>
        <div className="row wrap">
          <div className={css.search}>
            <TextField hideLabel label={t('start.search')} placeholder={t('start.search')} icon={<Search size={15} />} type="search" value={text} onChange={(event) => setText(event.target.value)} />
          </div>
          {categories.length > 1 && (
            <Segmented label={t('start.category')} value={category} onChange={setCategory}
              options={[{ value: '', label: t('start.all') }, ...categories.map((each) => ({ value: each, label: humanize(each) }))]} />
          )}
        </div>
        {agents.isError && <Failed error={agents.error} onRetry={() => void agents.refetch()} />}
        {shown?.length === 0 && (
          <Empty icon={text ? Search : Bot} title={text ? t('start.nothingFound') : t('start.none')} text={text ? undefined : t('start.noneText')} />
        )}
        <ul className={css.grid} aria-busy={agents.isPending}>
          {agents.isPending && [0, 1, 2].map((i) => (
            <li key={i} className={`card ${css.card}`}><Skeleton width={34} height={34} /><Skeleton width="60%" height={14} /><Skeleton /><Skeleton width="80%" below={20} /></li>
          ))}
          {shown?.map((agent) => <Card key={agent.name} agent={agent} />)}
        </ul>
      </Column>
    </Page>
  );
}

function Card({ agent }: { agent: AgentSummary }) {
  const { t } = useTranslation();
  return (
    <li className={`card ${css.card}`}>
      <Tile tone={agent.frozen ? 'deny' : 'accent'} icon={agent.frozen ? Snowflake : Workflow} />
      <div>
        <h2 className={css.name}><Link to="/start/$agent" params={{ agent: agent.name }}>{agent.title}</Link></h2>
        <p className="sm ink2">{agent.description}</p>
      </div>
      <div className={css.foot}>
        <span className="trunc">{humanize(agent.owner.replace(/^\w+:/, ''))}</span>
        {agent.frozen && <span className="row"><Snowflake size={13} aria-hidden />{t('state.frozen')}</span>}
        {agent.may_ask_people && !agent.frozen && <span className="row"><Hand size={13} aria-hidden />{t('start.mayAsk')}</span>}
      </div>
    </li>
  );
}
