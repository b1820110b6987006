import { expect, test } from 'vitest';
import type { Step } from '../../api/runs';
import { mergeStep } from './useRunStream';
import { fill } from './words';

const step = (seq: number, state: Step['state']) => ({ seq, state, id: 'node:a', kind: 'node', node: 'a' }) as Step;

test('newer news of a step takes its place; another visit of the same node is a step of its own', () => {
  const first = mergeStep([], step(1, 'running'));
  const done = mergeStep(first, step(1, 'succeeded'));
  expect(done.map((each) => each.state)).toEqual(['succeeded']);
  expect(mergeStep(done, step(5, 'running')).map((each) => each.seq)).toEqual([1, 5]);
});

test('a sentence is only said whole', () => {
  expect(fill('Refund {amount} for order {order}', { amount: '5.00', order: 'SO-1' })).toBe('Refund 5.00 for order SO-1');
  expect(fill('Refund {amount} for order {order}', { amount: '•••', order: 'SO-1' })).toBe(null);
  expect(fill('Refund {amount}', null)).toBe(null);
  expect(fill('Refund {amount:money currency}', { amount: '4280.00', currency: 'EUR' })).toMatch(/4,280\.00/);
});
