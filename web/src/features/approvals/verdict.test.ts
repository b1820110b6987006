import { expect, test } from 'vitest';
import { canBatch, nextStep, SETTLE_MS, type Guarded } from './verdict';

const item: Guarded = { risk: 'low', effect: 'write', state: 'pending', i_may_answer: true, digest: 'd' };
const seen = { digest: 'd', at: 0 };
const later = SETTLE_MS + 1;

test('an item that has just come into sight takes no verdict', () => {
  expect(nextStep(true, item, seen, SETTLE_MS - 1, false)).toBe('ignore');
  expect(nextStep(false, item, seen, SETTLE_MS - 1, false)).toBe('ignore');
  expect(nextStep(true, item, seen, later, false)).toBe('send');
});

test('what was not seen is not decided', () => {
  expect(nextStep(true, item, null, later, false)).toBe('ignore');
  expect(nextStep(true, item, { digest: 'another', at: 0 }, later, false)).toBe('ignore');
  expect(nextStep(true, undefined, seen, later, false)).toBe('ignore');
});

test('only what is open and mine is decided', () => {
  expect(nextStep(true, { ...item, state: 'approved' }, seen, later, false)).toBe('ignore');
  expect(nextStep(true, { ...item, i_may_answer: false }, seen, later, false)).toBe('ignore');
  expect(nextStep(true, { ...item, i_may_only_deny: true }, seen, later, false)).toBe('ignore');
  expect(nextStep(false, { ...item, i_may_only_deny: true }, seen, later, false)).toBe('send');
});

test('a high risk that cannot be undone asks once more, and the same key is no answer to that', () => {
  const grave: Guarded = { ...item, risk: 'high', effect: 'irreversible' };
  expect(nextStep(true, grave, seen, later, false)).toBe('confirm');
  expect(nextStep(true, grave, seen, later, true)).toBe('ignore');
  expect(nextStep(false, grave, seen, later, false)).toBe('send');
  expect(nextStep(true, { ...grave, effect: 'write' }, seen, later, false)).toBe('send');
});

test('a batch is of equals of low risk', () => {
  const low = { batch: 'refunds', risk: 'low', i_may_answer: true };
  expect(canBatch([low, low])).toBe(true);
  expect(canBatch([low, { ...low, batch: 'letters' }])).toBe(false);
  expect(canBatch([low, { ...low, risk: 'medium' }])).toBe(false);
  expect(canBatch([{ ...low, batch: '' }])).toBe(false);
  expect(canBatch([])).toBe(false);
});
