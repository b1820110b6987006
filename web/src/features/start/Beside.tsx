import { useInfiniteQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Hand } from 'lucide-react';
import i18n, { type TFunction } from 'i18next';
import { useTranslation } from 'react-i18next';
import type { Agent } from '../../api/agents';
import { runsQuery } from '../../api/runs';
import { humanize } from '../../ui/format';
import { State } from '../../ui/State';
import { Facts } from '../../ui/Table';
import { Time } from '../../ui/Time';
import { RunState } from '../runs/RunState';
import { outline } from '../runs/words';
import css from './Start.module.css';

/** What a person should know before pressing start: what it may do, who may have to agree, how it went lately. */
export function Beside({ agent }: { agent: Agent }) {
  const { t } = useTranslation();
  const runs = useInfiniteQuery(runsQuery({ agent: agent.name }, 5)).data?.pages[0]?.items.slice(0, 5) ?? [];
  const asks = [...new Map(agent.tools.flatMap((tool) => tool.approvers).map((each) => [each.rule, each])).values()];
  const changing = agent.tools.filter((tool) => tool.effect !== 'read');
  return (
    <aside className={css.side} aria-label={t('start.about')}>
      <section className={`card ${css.panel}`}>
        <h2 className="heading">{t('start.about')}</h2>
        <Facts items={[
          [t('start.owner'), humanize(agent.owner.replace(/^\w+:/, ''))],
          [t('start.version'), <span className="mono">{agent.version.slice(0, 12)}</span>],
        ]} />
      </section>
      {asks.length > 0 && (
        <section className={`card ${css.panel}`}>
          <h2 className="heading">{t('start.mayHaveToAgree')}</h2>
          <ul className={css.asks}>
            {asks.map((ask) => (
              <li key={ask.rule}><Hand size={15} color="var(--ask)" aria-hidden /><span>{whoAgrees(ask, t)}</span></li>
            ))}
          </ul>
        </section>
      )}
      {changing.length > 0 && (
        <section className={`card ${css.panel}`}>
          <h2 className="heading">{t('start.mayChange')}</h2>
          <ul className={css.tools}>
            {changing.map((tool) => <li key={tool.name} title={tool.name}><span className="trunc">{(i18n.language === 'zh' && tool.says_zh && outline(tool.says_zh, null)) || firstSentence(tool.description) || tool.name}</span><State name={tool.effect} /></li>)}
          </ul>
        </section>
      )}
      <section className={`card ${css.panel}`}>
        <h2 className="heading">{t('start.lastRuns')}</h2>
        {runs.length === 0 ? <p className="muted">{t('start.noRuns')}</p> : (
          <ul className={css.lastRuns}>
            {runs.map((run) => (
              <li key={run.id}>
                <Link to="/runs/$run" params={{ run: run.id }}>
                  <span className="trunc grow">{run.business_key || run.title}</span>
                  <RunState run={run} quiet />
                  <span className="xs muted"><Time at={run.started_at} as="relative" /></span>
                </Link>
              </li>
            ))}
          </ul>
        )}
        <p className="xs muted">{t('start.recorded')}</p>
      </section>
    </aside>
  );
}

/** In Chinese from the roles; in English the rule says more. */
function whoAgrees(ask: Agent['tools'][number]['approvers'][number], t: TFunction): string {
  const roles = Object.entries(ask.roles).map(([role, count]) => t('start.peopleOf', { count, role: t(`role.${role.replaceAll('-', '_')}`, { defaultValue: humanize(role) }) }));
  return i18n.language === 'zh' && roles.length > 0 ? roles.join(t('start.and')) : ask.sentence || ask.title;
}

const firstSentence = (text: string) => text.split(/(?<=[.。])\s/)[0]?.replace(/[.。]$/, '') ?? '';
