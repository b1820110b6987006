import { expect, test } from 'vitest';
import type { RunText, Step } from '../../api/runs';
import { addPiece, newest, type Texts } from './texts';
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

const piece = (offset: number, text: string | null, more: Partial<RunText> = {}) => ({ run: 'run_1', position: 1, attempt: 1, offset, text, left_out: 0, ...more }) as RunText;
const heard = (...pieces: RunText[]): Texts => pieces.reduce(addPiece, {});

test('news of a step that says nothing of its text keeps it', () => {
  const text = { attempt: 1, text: 'Dear', left_out: 0 };
  expect(mergeStep([{ ...step(1, 'running'), text }], step(1, 'succeeded'))[0]?.text).toEqual(text);
});

test('pieces join on; what a resumed stream repeats is not said twice, and a gap is left', () => {
  expect(heard(piece(0, 'Dear '), piece(5, 'Li'))[1]?.text).toBe('Dear Li');
  expect(heard(piece(0, 'Dear '), piece(5, 'Li'), piece(0, 'Dear '), piece(5, 'Li'), piece(7, ' Wei'))[1]?.text).toBe('Dear Li Wei');
  expect(heard(piece(0, 'Dear '), piece(3, 'r Li'))[1]?.text).toBe('Dear Li');
  expect(heard(piece(5, 'Li'))).toEqual({});
  expect(heard(piece(0, 'Dear '), piece(9, 'Wei'))[1]?.text).toBe('Dear ');
});

test('characters are counted as the server does', () => {
  expect(heard(piece(0, 'a\u{1F600}b'), piece(3, 'c'), piece(1, '\u{1F600}bcd'))[1]).toEqual({ attempt: 1, text: 'a\u{1F600}bcd', length: 5, leftOut: 0 });
});

test('a new attempt begins anew, and an older one is heard no more', () => {
  const texts = heard(piece(0, 'Hello you'), piece(0, 'Dear', { attempt: 2 }), piece(9, '!'));
  expect(texts[1]).toEqual({ attempt: 2, text: 'Dear', length: 4, leftOut: 0 });
  expect(heard(piece(0, 'Hello'), piece(0, '', { attempt: 2 }))[1]?.text).toBe('');
});

test('calls that speak at once do not mix; what is hidden says nothing', () => {
  const texts = heard(piece(0, 'a'), piece(0, '1', { position: 2 }), piece(1, 'b'), piece(1, '2', { position: 2 }), piece(0, null, { position: 3 }));
  expect([texts[1]?.text, texts[2]?.text, texts[3]]).toEqual(['ab', '12', undefined]);
});

test('whichever says more is shown: the story or the stream', () => {
  const told = heard(piece(0, 'Dear Li'))[1];
  expect(newest(told, { attempt: 1, text: 'Dear', left_out: 0 })?.text).toBe('Dear Li');
  expect(newest(told, { attempt: 1, text: 'Dear Li Wei', left_out: 2 })).toEqual({ attempt: 1, text: 'Dear Li Wei', length: 11, leftOut: 2 });
  expect(newest(told, { attempt: 2, text: 'Oh', left_out: 0 })?.text).toBe('Oh');
  expect(newest(undefined, null)).toBe(null);
});
