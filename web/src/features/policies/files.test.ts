import { expect, test } from 'vitest';
import { changes, mark } from './files';

test('only what differs is sent, and what is gone as null', () => {
  expect(changes({ a: '1', b: '2', c: '3' }, { a: '1', b: '9', d: '4' })).toEqual({ b: '9', c: null, d: '4' });
  expect(changes({ a: '' }, { a: '' })).toEqual({});
});

test('a file that goes back to what is in force is sent as well, for the draft may differ', () => {
  expect(changes({ a: 'draft' }, { a: 'in force' })).toEqual({ a: 'in force' });
});

test('changed and deleted files are marked', () => {
  expect([mark('x', 'x'), mark('x', 'y'), mark(undefined, ''), mark('x', undefined)]).toEqual(['', '●', '●', '✕']);
});
