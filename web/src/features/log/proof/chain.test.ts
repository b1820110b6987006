/** Against a log that the Python implementation rotated twice and its verifier checked. */
import { beforeEach, expect, test } from 'vitest';
import { KeyChain } from './chain';
import vectors from './vectors/rotation.json';
import { remembered, verifyRecord, type Proof, type Shown } from './verify';

const shownOf = (proof: Proof): Shown => JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(proof.leaf), (char) => char.charCodeAt(0)))) as Shown;
const failed = (checks: { id: string; ok: boolean }[]) => checks.filter((check) => !check.ok).map((check) => check.id);
const ask = () => Promise.resolve(vectors.consistency);
const { before, after, first_key: first } = vectors;
const turns = [before.size, before.size + 1, before.size + 2, after.size] as const;

beforeEach(() => localStorage.clear());

test('each checkpoint has one key: the first up to its successor\'s announcement, then the next', async () => {
  const chain = await KeyChain.follow(first, after.rotations);
  const [old, last, next, newest] = turns.map((size) => chain.turnOf(size).text);
  expect([old, last]).toEqual([first, first]);
  expect(new Set([first, next, newest]).size).toBe(3);
  expect(newest).toBe(after.key);
});

test('a browser that saw the log before follows it to the new key, and one that did not starts at the first', async () => {
  expect(failed(await verifyRecord(shownOf(before), before, ask))).toEqual([]);
  expect(remembered(before.origin)?.key).toBe(first);
  const later = await verifyRecord(shownOf(after), after, ask);
  expect(later.map((check) => check.id)).toContain('history');
  expect(failed(later)).toEqual([]);
  expect(remembered(after.origin)?.key).toBe(after.key);
  localStorage.clear();
  expect(failed(await verifyRecord(shownOf(after), after, ask))).toEqual([]);
});

test('a checkpoint by a retired key, or one that was never announced, is not signed', async () => {
  expect(failed(await verifyRecord(shownOf(after), { ...after, checkpoint: vectors.by_a_retired_key }, ask))).toEqual(['signature']);
  expect(failed(await verifyRecord(shownOf(after), { ...after, rotations: after.rotations.slice(0, 1) }, ask))).toEqual(['signature']);
  expect(failed(await verifyRecord(shownOf(after), { ...after, rotations: [] }, ask))).toEqual(['signature']);
});

test('a server that starts at another key than the one seen before is noticed', async () => {
  await verifyRecord(shownOf(before), before, ask);
  const other = { ...after, first_key: after.key, rotations: [] };
  expect(failed(await verifyRecord(shownOf(after), other, ask))).toEqual(['history']);
});

test('a rotation that was tampered with is refused', async () => {
  const [one, two] = after.rotations as [(typeof after.rotations)[0], (typeof after.rotations)[0]];
  const wrong = [
    [two], [two, one], [one, one],
    [{ ...one, leaf: two.leaf }], [{ ...one, checkpoint: two.checkpoint }], [{ ...one, index: one.index - 1 }],
    [{ ...one, path: [...one.path].reverse() }],
    [{ ...one, checkpoint: one.checkpoint.replace(`\n${one.size}\n`, `\n${one.size + 1}\n`) }],
  ];
  for (const rotations of wrong) await expect(KeyChain.follow(first, rotations), JSON.stringify(rotations).slice(0, 60)).rejects.toThrow();
});
