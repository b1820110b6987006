import { expect, test } from 'vitest';
import type { Facets, FilterField } from '../../api/log';
import { columns } from './buckets';
import { complete } from './complete';
import { hasTime, valueOf, withoutTime, withTime, withValue } from './query';

const fields: FilterField[] = [
  { name: 'decision', kind: 'word', about: 'what policy said', aliases: ['决策'], values: ['allow', 'deny', 'ask'], labels: { deny: ['denied', '已拒绝'] } },
  { name: 'tool', kind: 'word', about: 'tool', aliases: [], values: ['erp.get_order', 'mail.send'], labels: {} },
  { name: 'at', kind: 'time', about: 'when', aliases: [], values: [], labels: {} },
];
const inserts = (text: string, caret = text.length) => complete(fields, text, caret).items.map((item) => item.insert);

test('offers fields, then their values, also by the words that people use', () => {
  expect(inserts('dec')).toEqual(['decision:']);
  expect(inserts('tool:erp.* decision:d')).toEqual(['deny']);
  expect(inserts('decision:denied')).toEqual(['deny']);
  expect(inserts('决策:已')).toEqual(['deny']);
  expect(inserts('-too')).toEqual(['tool:']);
  expect(inserts('nothing:x')).toEqual([]);
});

test('a completion takes the place of the word at the caret and of nothing else', () => {
  const { start, end } = complete(fields, 'decision:d last 7d', 10);
  expect([start, end]).toEqual([9, 10]);
});

test('chips write the filter and leave the rest as it was typed', () => {
  expect(withValue('"test order" tool:erp.*', 'decision', 'deny')).toBe('"test order" tool:erp.* decision:deny');
  expect(withValue('decision:deny tool:erp.*', 'decision', undefined)).toBe('tool:erp.*');
  expect(valueOf('x agent:"a b"', 'agent')).toBe('a b');
});

test('a brushed stretch takes the place of an earlier one', () => {
  const q = withTime('decision:deny last 7d', new Date('2026-11-01T00:00:00Z'), new Date('2026-11-02T00:00:00Z'));
  expect(q).toBe('decision:deny at>=2026-11-01T00:00:00Z at<2026-11-02T00:00:00Z');
  expect(hasTime(q)).toBe(true);
  expect(withoutTime(q)).toBe('decision:deny');
  expect(hasTime('tool:erp.*')).toBe(false);
});

test('a time in which nothing happened is a column of its own', () => {
  const facets: Facets = { total: 3, bucket: 'day', facets: [], histogram: [{ at: '2026-11-01T00:00:00Z', value: 'allow', count: 2 }, { at: '2026-11-04T00:00:00Z', value: 'deny', count: 1 }] };
  const found = columns(facets);
  expect(found.slice(-4).map((column) => Object.values(column.parts)[0] ?? 0)).toEqual([2, 0, 0, 1]);
});
