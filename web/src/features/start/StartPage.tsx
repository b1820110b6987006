import { useQuery } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { ArrowLeft, CalendarClock, Play } from 'lucide-react';
import { lazy, Suspense, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { agentQuery, type Agent } from '../../api/agents';
import { startRun } from '../../api/runs';
import { createSchedule } from '../../api/schedules';
import { Button } from '../../ui/Button';
import { Failed, Skeleton, SkeletonRows } from '../../ui/Feedback';
import { Segmented } from '../../ui/Field';
import { JsonForm } from '../../ui/form/JsonForm';
import type { Schema } from '../../ui/form/schema';
import { Page } from '../../ui/Page';
import { Beside } from './Beside';
import { toast } from '../../ui/toast';
import { FRESH, isWhole, whenOf } from '../schedules/plan';
import { CsvStart } from './CsvStart';
import css from './Start.module.css';

const PlanFields = lazy(() => import('../schedules/PlanFields').then((module) => ({ default: module.PlanFields })));

type Mode = 'now' | 'later' | 'many';

export function StartPage() {
  const { t } = useTranslation();
  const { agent: name } = useParams({ from: '/start/$agent' });
  const agent = useQuery(agentQuery(name));
  return (
    <Page name={agent.data?.title ?? name} title={
      <span className="row"><Link to="/start" className="row muted" aria-label={t('start.back')}><ArrowLeft size={15} aria-hidden /><span className="wide-only">{t('start.back')}</span></Link>{agent.data?.title ?? name}</span>
    }>
      {agent.isError ? <Failed error={agent.error} onRetry={() => void agent.refetch()} />
        : !agent.data ? <SkeletonRows rows={8} />
        : (
          <div className={css.page}>
            <StartForm key={agent.data.version} agent={agent.data} />
            <Beside agent={agent.data} />
          </div>
        )}
    </Page>
  );
}

function StartForm({ agent }: { agent: Agent }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const [mode, setMode] = useState<Mode>('now');
  const [busy, setBusy] = useState(false);
  const key = useRef(crypto.randomUUID()); // a second press of the same form starts no second run
  const [plan, setPlan] = useState(FRESH);
  const later = mode === 'later';
  const submit = async (input: Record<string, unknown>) => {
    if (busy) return;
    setBusy(true);
    try {
      if (later) {
        await createSchedule({ agent: agent.name, input, ...whenOf(plan), key: key.current });
        toast(t('schedules.made'));
        await navigate({ to: '/schedules' });
        return;
      }
      const run = await startRun(agent.name, input, key.current);
      await navigate({ to: '/runs/$run', params: { run: run.id } });
    } finally {
      setBusy(false);
    }
  };
  return (
    <div>
      <div className={css.lead}>
        <h2>{agent.title}</h2>
        <p className="ink2">{agent.description}</p>
      </div>
      <div className={css.mode}>
        <Segmented<Mode> label={t('start.how')} value={mode} onChange={setMode} options={[
          { value: 'now', label: t('start.now') }, { value: 'later', label: t('start.later') }, { value: 'many', label: t('start.many') },
        ]} />
      </div>
      {mode === 'many' ? <CsvStart agent={agent} /> : (
        <JsonForm schema={agent.input_schema as Schema} onSubmit={submit}
          before={later && <Suspense fallback={<Skeleton height={120} />}><PlanFields plan={plan} onChange={setPlan} /></Suspense>}>
          {later
            ? <Button look="primary" type="submit" busy={busy} disabled={!agent.i_may_start || !isWhole(plan, Date.now())} icon={<CalendarClock size={14} aria-hidden />}>{t('schedules.go')}</Button>
            : <Button look="primary" type="submit" busy={busy} disabled={agent.frozen || !agent.i_may_start} icon={<Play size={14} aria-hidden />}>{t('start.go')}</Button>}
          {!agent.i_may_start && <span className="sm muted">{t('start.mayNot')}</span>}
          {agent.frozen && <span className="sm muted">{t('start.isFrozen')}</span>}
        </JsonForm>
      )}
    </div>
  );
}
