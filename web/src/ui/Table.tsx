import type { ReactNode } from 'react';
import css from './Table.module.css';
import { usePhone } from './useMedia';

export type Column<T> = { id: string; head: string; cell: (row: T) => ReactNode; end?: boolean; wide?: boolean; hideHead?: boolean; main?: boolean };

type TableProps<T> = { label: string; rows: readonly T[]; columns: Column<T>[]; rowKey: (row: T) => string; selected?: string; flush?: boolean };

/** A real table. On a phone, columns marked `wide` go and the rest stays readable. */
export function Table<T>({ label, rows, columns, rowKey, selected, flush }: TableProps<T>) {
  const phone = usePhone(); // where it may scroll sideways, it can be reached by keyboard
  return (
    <div className={flush ? css.flush : css.box} {...(phone ? { tabIndex: 0, role: 'region', 'aria-label': label } : {})}>
      <table className={css.table} aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.id} scope="col" data-end={column.end || undefined} className={column.wide ? 'wide-only' : undefined}>
                {column.hideHead ? <span className="hidden">{column.head}</span> : column.head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const key = rowKey(row);
            return (
              <tr key={key} data-on={key === selected || undefined}>
                {columns.map((column) => (
                  <td key={column.id} data-end={column.end || undefined} data-main={column.main || undefined} className={column.wide ? 'wide-only' : undefined}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

/** Term and description pairs in two columns. */
export function Facts({ items }: { items: (readonly [string, ReactNode] | false | null | undefined)[] }) {
  return (
    <dl className={css.facts}>
      {items.map((item) => item && (
        <div key={item[0]}>
          <dt>{item[0]}</dt>
          <dd>{item[1]}</dd>
        </div>
      ))}
    </dl>
  );
}
