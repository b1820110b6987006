import { Link } from '@tanstack/react-router';
import { ChevronRight } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Run, Step } from '../../api/runs';
import { useMay } from '../../app/session';
import { Button } from '../../ui/Button';
import { cost, duration, number } from '../../ui/format';
import { Json } from '../../ui/Json';
import { State } from '../../ui/State';
import { Facts } from '../../ui/Table';
import css from './Trace.module.css';

const SHOWN = 400;

/** Every recorded step with its place in time; a step opens to arguments, result and the decision on it. */
export function Trace({ run, steps, node }: { run: Run; steps: Step[]; node: string | null }) {
  const { t } = useTranslation();
  const [limit, setLimit] = useState(SHOWN);
  const shown = steps.filter((step) => !node || step.node === node);
  const depth = depths(steps);
  const begin = new Date(run.started_at).getTime();
  const end = Math.max(begin + 1, ...steps.map((step) => new Date(step.ended_at ?? step.started_at).getTime()));
  return (
    <div className={css.trace}>
      {shown.slice(0, limit).map((step) => {
        const from = new Date(step.started_at).getTime();
        const to = step.ended_at ? new Date(step.ended_at).getTime() : end;
        const left = ((from - begin) / (end - begin)) * 100;
        return (
          <details key={step.seq} className={css.step}>
            <summary style={{ paddingLeft: 20 + (depth.get(step.id) ?? 0) * 14 }}>
              <ChevronRight size={13} aria-hidden className={css.turn} />
              <span className={css.name}><span className="mono">{step.tool || step.model || step.node || step.kind}</span></span>
              <span className={css.lane} aria-hidden><i data-state={step.state} style={{ left: `${Math.min(99, left)}%`, width: `${Math.max(1, ((to - from) / (end - begin)) * 100)}%` }} /></span>
              <span className={css.took}>{step.ended_at ? duration(to - from) : t(`state.${step.state}`)}</span>
            </summary>
            <Detail step={step} />
          </details>
        );
      })}
      {shown.length > limit && <Button look="quiet" onClick={() => setLimit(limit + SHOWN)}>{t('common.showMore')}</Button>}
    </div>
  );
}

function depths(steps: readonly Step[]): Map<string, number> {
  const depth = new Map<string, number>();
  for (const step of steps) depth.set(step.id, step.parent ? (depth.get(step.parent) ?? 0) + 1 : 0);
  return depth;
}

function Detail({ step }: { step: Step }) {
  const { t } = useTranslation();
  const may = useMay();
  return (
    <div className={css.detail}>
      <Facts items={[
        [t('run.state'), <State name={step.state} />],
        !!step.decision && [t('run.decision'), <State name={step.decision} />],
        step.attempts > 1 && [t('run.retries'), step.attempts - 1],
        step.tokens > 0 && [t('run.tokens'), number(step.tokens)],
        !!step.cost && [t('run.cost'), cost(step.cost.amount, step.cost.currency)],
        !!step.detail && [t('run.detail'), step.detail],
        !!step.call_key && may('read_log') && [t('run.record'), <Link className="link" to="/log" search={{ q: `call:${step.call_key}` }}>{t('run.openLog')}</Link>],
      ]} />
      {step.arguments && <><p className="heading">{t('run.arguments')}</p><Json label={t('run.arguments')} value={step.arguments} /></>}
      {step.result !== null && step.result !== undefined && <><p className="heading">{t('run.result')}</p><Json label={t('run.result')} value={step.result} /></>}
    </div>
  );
}
