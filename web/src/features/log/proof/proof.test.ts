/** Against vectors that the Python implementation of the log made and checked. */
import { beforeEach, expect, test } from 'vitest';
import { fromBase64, fromHex } from './bytes';
import { parseKey, parseNote, signedBy } from './note';
import { leafHash, verifyConsistency, verifyInclusion } from './tree';
import vectors from './vectors/log.json';
import { remembered, verifyRecord, type Proof, type Shown } from './verify';

const rootOf = (size: number) => vectors.logs.find((log) => log.size === size)?.root;

beforeEach(() => localStorage.clear());

test('every record of every log is included, and no other place or root is believed', async () => {
  for (const log of vectors.logs) {
    for (const { index, path } of log.proofs) {
      const leaf = await leafHash(fromBase64(vectors.leaves[index]!));
      const siblings = path.map(fromHex);
      expect(await verifyInclusion(leaf, index, log.size, siblings, fromHex(log.root))).toBe(true);
      expect(await verifyInclusion(leaf, index + 1, log.size, siblings, fromHex(log.root))).toBe(false);
      expect(await verifyInclusion(await leafHash(fromBase64(vectors.leaves[(index + 1) % 13]!)), index, log.size, siblings, fromHex(log.root))).toBe(false);
      expect(await verifyInclusion(leaf, index, log.size, [...siblings, leaf], fromHex(log.root))).toBe(false);
    }
  }
});

test('a longer log continues a shorter one, and a changed one does not', async () => {
  for (const log of vectors.logs) {
    for (const { old, path } of log.consistency) {
      const before = rootOf(old);
      if (!before) continue;
      expect(await verifyConsistency(old, log.size, fromHex(before), fromHex(log.root), path.map(fromHex))).toBe(true);
      expect(await verifyConsistency(old, log.size, fromHex('00'.repeat(32)), fromHex(log.root), path.map(fromHex))).toBe(false);
      if (old < log.size) expect(await verifyConsistency(old, log.size, fromHex(before), fromHex(before), path.map(fromHex))).toBe(false);
    }
  }
});

test('a note is signed by the log and by its witness; one changed letter and it is not', async () => {
  const key = await parseKey(vectors.key);
  const witness = await parseKey(vectors.witness);
  for (const log of vectors.logs) {
    expect(await signedBy(parseNote(log.note), key)).toBe(true);
    expect(await signedBy(parseNote(log.note), witness)).toBe(true);
    const forged = parseNote(log.note.replace(`\n${log.size}\n`, `\n${log.size + 1}\n`));
    expect(await signedBy(forged, key)).toBe(false);
    expect(await signedBy(forged, witness)).toBe(false);
  }
});

test('a key whose id is not that of its bytes is refused', async () => {
  await expect(parseKey(vectors.key.replace('+', '+0'))).rejects.toThrow();
});

const log = (size: number) => vectors.logs.find((each) => each.size === size)!;

async function proofIn(size: number, index: number): Promise<Proof> {
  const leaf = vectors.leaves[index]!;
  const hash = await leafHash(fromBase64(leaf));
  const { path } = log(size).proofs[index]!;
  return { index, leaf, leaf_hash: [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join(''), path, checkpoint: log(size).note, first_key: vectors.key, rotations: [] };
}

const shownOf = (index: number): Shown => JSON.parse(atob(vectors.leaves[index]!)) as Shown;
const ask = (old: number, size: number) => Promise.resolve(log(size).consistency.find((each) => each.old === old)!.path);
const failed = (checks: { id: string; ok: boolean }[]) => checks.filter((check) => !check.ok).map((check) => check.id);

test('a record is proven, and the checkpoint is remembered for the next time', async () => {
  expect(failed(await verifyRecord(shownOf(2), await proofIn(8, 2), ask))).toEqual([]);
  expect(remembered('demo.chargehand')?.size).toBe(8);
  const later = await verifyRecord(shownOf(2), await proofIn(13, 2), ask);
  expect(later.map((check) => check.id)).toContain('history');
  expect(failed(later)).toEqual([]);
});

test('a record that says something else than the signed bytes is not proven', async () => {
  expect(failed(await verifyRecord({ ...shownOf(2), kind: 'outcome' }, await proofIn(8, 2), ask))).toEqual(['bytes']);
  expect(failed(await verifyRecord({ ...shownOf(2), decision: 'allow' }, await proofIn(8, 2), ask))).toEqual(['bytes']);
});

test('a log that was rewritten since this browser saw it is noticed', async () => {
  localStorage.setItem('chargehand.checkpoint.demo.chargehand', JSON.stringify({ origin: 'demo.chargehand', size: 7, root: '11'.repeat(32), key: vectors.key }));
  expect(failed(await verifyRecord(shownOf(2), await proofIn(8, 2), ask))).toEqual(['history']);
});

test('another signing key than the one seen before is noticed', async () => {
  localStorage.setItem('chargehand.checkpoint.demo.chargehand', JSON.stringify({ origin: 'demo.chargehand', size: 7, root: rootOf(7), key: 'other+00000000+AAAA' }));
  expect(failed(await verifyRecord(shownOf(2), await proofIn(8, 2), ask))).toEqual(['history']);
});
