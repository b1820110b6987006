import { FileCheck2, TriangleAlert } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { Run } from '../../api/runs';
import { humanize } from '../../ui/format';
import { Json } from '../../ui/Json';
import { Facts } from '../../ui/Table';
import css from './RunResult.module.css';

const isPlain = (value: unknown) => value === null || ['string', 'number', 'boolean'].includes(typeof value);

/** What came out: values as facts, the rest as text. Nothing that an agent wrote is ever markup. */
export function RunResult({ run }: { run: Run }) {
  const { t } = useTranslation();
  if (run.failure) {
    return (
      <section className={css.card} data-bad>
        <h2 className="heading row"><TriangleAlert size={16} aria-hidden />{t('run.failed')}</h2>
        <p className="break">{run.failure.detail}</p>
        {run.failure.way_out && <p className="sm">{run.failure.way_out}</p>}
        {(run.failure.node || run.failure.line) && <p className="xs mono">{[run.failure.node, run.failure.line].filter(Boolean).join(' · ')}</p>}
      </section>
    );
  }
  if (run.result === null || run.result === undefined) return null;
  const entries = typeof run.result === 'object' && !Array.isArray(run.result) ? Object.entries(run.result as object) : null;
  const plain = entries?.filter(([, value]) => isPlain(value) && value !== null && value !== '') as [string, string | number | boolean][] | undefined;
  const nested = entries?.filter(([, value]) => !isPlain(value));
  return (
    <section className={css.card}>
      <h2 className="heading row"><FileCheck2 size={16} color="var(--allow)" aria-hidden />{t('run.result')}</h2>
      {!entries && <p className="break">{isPlain(run.result) ? String(run.result) : JSON.stringify(run.result)}</p>}
      {plain && plain.length > 0 && <Facts items={plain.map(([name, value]) => [humanize(name), typeof value === 'boolean' ? t(value ? 'run.yes' : 'run.no') : String(value)] as const)} />}
      {nested && nested.length > 0 && <details><summary className="link sm">{t('run.allDetails')}</summary><Json value={run.result} label={t('run.result')} /></details>}
    </section>
  );
}
