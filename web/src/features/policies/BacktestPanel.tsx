import { Link } from '@tanstack/react-router';
import { FlaskConical } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { backtest, type Backtest } from '../../api/policy';
import { said } from '../../i18n/said';
import { Button } from '../../ui/Button';
import { Inline } from '../../ui/Feedback';
import { SelectField } from '../../ui/Field';
import { duration, number, principalName } from '../../ui/format';
import { Section } from '../../ui/Page';
import { State } from '../../ui/State';
import { Table } from '../../ui/Table';
import { Time } from '../../ui/Time';
import css from './Policies.module.css';

type Flip = Backtest['flips'][number];

/** Recorded calls decided again under the draft: which answers would have been others. */
export function BacktestPanel({ draft }: { draft: string }) {
  const { t } = useTranslation();
  const [last, setLast] = useState('1000');
  const [result, setResult] = useState<Backtest | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const go = async () => {
    setBusy(true);
    setError(null);
    try {
      setResult(await backtest(draft, Number(last)));
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Section title={t('policies.backtest')}>
      <div className={css.backtest}>
        <SelectField label={t('policies.lastCalls')} value={last} options={['100', '1000', '10000', '50000'].map((value) => ({ value, label: number(Number(value)) }))} onChange={(event) => setLast(event.target.value)} />
        <Button busy={busy} icon={<FlaskConical size={14} aria-hidden />} onClick={() => void go()}>{t('policies.runBacktest')}</Button>
      </div>
      <Inline error={error} />
      {result && (
        <div aria-live="polite" className="col">
          <p className="sm">{t('policies.backtestResult', { decided: number(result.decided), flips: number(result.flips.length), time: duration(result.milliseconds) })}{result.skipped > 0 && ` ${t('policies.skipped', { count: result.skipped })}`}</p>
          {result.flips.length > 0 && (
            <Table<Flip> label={t('policies.backtest')} rows={result.flips.slice(0, 200)} rowKey={(flip) => String(flip.seq)} columns={[
              { id: 'seq', head: t('run.record'), main: true, cell: (flip) => <Link className="num" to="/log" search={{ seq: flip.seq }}>{number(flip.seq)}</Link> },
              { id: 'at', head: t('log.column.time'), wide: true, cell: (flip) => <Time at={flip.at} /> },
              { id: 'tool', head: t('agents.tool'), cell: (flip) => <span className="mono">{flip.tool}</span> },
              { id: 'who', head: t('log.column.who'), wide: true, cell: (flip) => flip.chain.map(principalName).join(' → ') },
              { id: 'before', head: t('policies.before'), cell: (flip) => <State name={flip.before} /> },
              { id: 'after', head: t('policies.after'), cell: (flip) => <State name={flip.after.verdict} /> },
              { id: 'why', head: t('approvals.why'), wide: true, cell: (flip) => <span className="ink2">{flip.after.reasons.map(said).join(' ')}</span> },
            ]} />
          )}
        </div>
      )}
    </Section>
  );
}
