import type { Facets } from '../../api/log';

export type Column = { at: string; parts: Record<string, number> };

const HOUR = 3_600_000;
const STEP = { hour: HOUR, day: 24 * HOUR, week: 7 * 24 * HOUR } as const;
const MOST = 120;

/** Hours tell more than days while there are only a few days. */
export const fine = (facets: Facets | undefined): boolean => new Set(facets?.histogram.map((bar) => bar.at)).size <= 2;

/** Bars by time without gaps: a time in which nothing happened is a column of height nought. */
export function columns(facets: Facets): Column[] {
  const found = new Map<number, Record<string, number>>();
  for (const bar of facets.histogram) {
    const at = Date.parse(bar.at);
    found.set(at, bar.value ? { ...found.get(at), [bar.value]: bar.count } : (found.get(at) ?? {}));
  }
  const times = [...found.keys()].sort((a, b) => a - b);
  const first = times[0];
  const last = times.at(-1);
  if (first === undefined || last === undefined) return [];
  const step = STEP[facets.bucket];
  const all: number[] = [];
  for (let at = Math.max(first, last - step * (MOST - 1)); at <= last; at += step) all.push(at);
  const lone = Math.max(0, 24 - all.length); // a lonely bar as wide as the page says nothing about time
  for (let i = 1; i <= lone; i++) all.unshift(all[0]! - step);
  return all.map((at) => ({ at: new Date(at).toISOString(), parts: found.get(at) ?? {} }));
}

export const endOf = (column: Column, facets: Facets): Date => new Date(Date.parse(column.at) + STEP[facets.bucket]);
