import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { MessageCircleQuestion } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { agentsQuery } from '../../api/agents';
import { tasksQuery } from '../../api/runs';
import { humanize } from '../../ui/format';
import css from './Runs.module.css';
import card from './Waiting.module.css';
import { asked } from './words';

/** Questions of agents that wait for me, above everything else on the page of runs. */
export function Questions() {
  const { t } = useTranslation();
  const agents = useQuery(agentsQuery).data ?? [];
  const open = useQuery(tasksQuery).data?.filter((task) => task.i_may_answer) ?? [];
  if (open.length === 0) return null;
  return (
    <section className={css.questions} aria-label={t('runs.questions')}>
      {open.map((task) => (
        <Link key={task.id} to="/runs/$run" params={{ run: task.run }} className={card.card}>
          <MessageCircleQuestion size={18} aria-hidden />
          <span className="grow"><span className="strong">{asked(task)}</span><span className={card.sub}>{agents.find((each) => each.name === task.agent)?.title ?? humanize(task.agent)}</span></span>
          <span className={card.action}>{t('runs.answer')}</span>
        </Link>
      ))}
    </section>
  );
}
