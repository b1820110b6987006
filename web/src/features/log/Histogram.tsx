import { useTranslation } from 'react-i18next';
import type { Facets } from '../../api/log';
import { Bars } from '../../ui/Bars';
import { Button } from '../../ui/Button';
import { DAY, date, number } from '../../ui/format';
import { columns, endOf } from './buckets';
import { COLOURS, SERIES } from './colours';
import css from './Log.module.css';
import { hasTime, withoutTime, withTime } from './query';

type HistogramProps = { q: string; facets: Facets | undefined; onChange: (q: string) => void };

const FINE: Intl.DateTimeFormatOptions = { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', hour12: false };

/** How many over time, by decision; a dragged stretch becomes part of the filter. */
export function Histogram({ q, facets, onChange }: HistogramProps) {
  const { t } = useTranslation();
  if (!facets) return <div className={css.histogram} aria-hidden />;
  const bars = columns(facets);
  const brush = (from: number, to: number) => {
    const first = bars[from];
    const last = bars[to];
    if (first && last) onChange(withTime(q, new Date(first.at), endOf(last, facets)));
  };
  return (
    <div className={css.histogram}>
      <p className="xs muted row" role="status">
        <span className="num">{t('log.total', { count: facets.total, n: number(facets.total) })}</span>
        {hasTime(q) ? <Button small look="quiet" onClick={() => onChange(withoutTime(q))}>{t('log.allTimes')}</Button> : <span className="wide-only">{t('log.brush')}</span>}
      </p>
      <Bars height={44} label={t('log.overTime')} onBrush={brush} format={number} series={SERIES.map((id) => ({ id, label: t(`state.${id}`), colour: COLOURS[id]! }))}
        bars={bars.map((bar) => ({ id: bar.at, label: date(bar.at, facets.bucket === 'hour' ? FINE : DAY), parts: bar.parts }))} />
    </div>
  );
}
