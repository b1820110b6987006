import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import type { RecordRow } from '../../api/log';
import { Skeleton } from '../../ui/Feedback';
import { humanize, number, principalName } from '../../ui/format';
import { usePhone } from '../../ui/useMedia';
import { State } from '../../ui/State';
import { Time } from '../../ui/Time';
import css from './RecordTable.module.css';
import { recordInWords } from './words';

type RecordTableProps = { rows: RecordRow[]; total: number | undefined; more: boolean; loading: boolean; onMore: () => void; selected: number | undefined; onOpen: (seq: number) => void };

const AHEAD = 60;

/** A table of any length: only the rows in sight are in the page, older ones are fetched before they are reached. */
export function RecordTable({ rows, total, more, loading, onMore, selected, onOpen }: RecordTableProps) {
  const { t } = useTranslation();
  const phone = usePhone();
  const box = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(0);
  const size = phone ? 58 : 38;
  const virtual = useVirtualizer({ count: rows.length + (more ? 1 : 0), getScrollElement: () => box.current, estimateSize: () => size, overscan: 12 });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => { if (more && !loading && last >= rows.length - AHEAD) onMore(); }, [more, loading, last, rows.length, onMore]);
  useEffect(() => virtual.measure(), [size, virtual]);
  const onKeyDown = (event: KeyboardEvent) => {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 15, PageUp: -15, Home: -Infinity, End: Infinity }[event.key];
    if (by !== undefined) {
      event.preventDefault();
      const next = Math.max(0, Math.min(rows.length - 1, active + by));
      setActive(next);
      virtual.scrollToIndex(next, { align: 'auto' });
    } else if (event.key === 'Enter' && rows[active]) onOpen(rows[active].seq);
  };
  return (
    <div className={css.table} role="table" aria-label={t('nav.log')} aria-rowcount={(total ?? rows.length) + 1}>
      <div role="rowgroup">
        <div role="row" aria-rowindex={1} className={css.head}>
          {(['time', 'what', 'about', 'result', 'who', 'run'] as const).map((name) => <span key={name} role="columnheader" data-column={name}>{t(`log.column.${name}`)}</span>)}
        </div>
      </div>
      <div ref={box} role="rowgroup" className={css.body} tabIndex={0} aria-label={t('log.rows', { n: number(total ?? rows.length) })} onKeyDown={onKeyDown}>
        <div role="presentation" style={{ height: virtual.getTotalSize(), position: 'relative' }}>
          {items.map((item) => {
            const row = rows[item.index];
            return (
              <div key={item.key} role="row" aria-rowindex={item.index + 2} className={css.row} data-active={item.index === active || undefined} data-open={(row && row.seq === selected) || undefined}
                style={{ transform: `translateY(${item.start}px)`, height: size }} onClick={() => { setActive(item.index); if (row) onOpen(row.seq); }}>
                {row ? <Cells row={row} /> : <span role="cell" data-column="what"><Skeleton width="60%" below={0} /></span>}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

/** The state that matters most about a record: how it ended, else what was decided. */
export const stateOf = (row: Pick<RecordRow, 'decision' | 'outcome'>) => row.outcome || row.decision;

function Cells({ row }: { row: RecordRow }) {
  const { t } = useTranslation();
  const state = stateOf(row);
  return (
    <>
      <span role="cell" data-column="time"><Time at={row.at} /></span>
      <span role="cell" data-column="what">
        <span className="med">{recordInWords(row, row.kind)}</span>
        {row.tool && <span className="mono muted"> {row.tool}</span>}
      </span>
      <span role="cell" data-column="about">{row.business_key}</span>
      <span role="cell" data-column="result">{state ? <State name={state} quiet={state === 'allow' || state === 'succeeded'} /> : <span className="muted">{t(`log.kinds.${row.kind}`, { defaultValue: humanize(row.kind) })}</span>}</span>
      <span role="cell" data-column="who">{row.principal ? principalName(row.principal) : '–'}</span>
      <span role="cell" data-column="run" className="mono">{row.run ? row.run.slice(-8) : ''}</span>
    </>
  );
}
