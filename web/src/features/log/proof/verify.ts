/** What this page can check by itself, without believing the server: bytes, place, signature, and that nothing shown to
 *  this browser before was changed since (it keeps the last checkpoint it has checked, with its key, as a witness does). */
import { fromBase64, fromHex, same, toHex } from './bytes';
import { KeyChain, type Rotation } from './chain';
import { parseNote, signedBy } from './note';
import { leafHash, verifyConsistency, verifyInclusion } from './tree';

export type CheckId = 'bytes' | 'place' | 'signature' | 'history';
export type Check = { id: CheckId; ok: boolean; size?: number };

/** The parts of the API's InclusionProof that are looked at; its own `fits`, `root` and `size` are not believed. */
export type Proof = { index: number; leaf: string; leaf_hash: string; path: readonly string[]; checkpoint: string; first_key: string; rotations: readonly Rotation[] };
export type Shown = { id: string; at: string; tenant: string; kind: string; tool?: string; decision?: string; outcome?: string; digest?: string };
export type Remembered = { origin: string; size: number; root: string; key: string };
export type AskConsistency = (old: number, size: number) => Promise<readonly string[]>;

const KEY = 'chargehand.checkpoint';
const SHOWN = ['id', 'at', 'tenant', 'kind', 'tool', 'decision', 'outcome', 'digest'] as const;

/** The last checkpoint of a log that this browser has checked. */
export function remembered(origin: string): Remembered | null {
  try {
    return JSON.parse(localStorage.getItem(`${KEY}.${origin}`) ?? 'null') as Remembered | null;
  } catch {
    return null;
  }
}

/** Does the record on screen say what the signed bytes say? Fields that are empty are left out of the bytes. */
function matches(shown: Shown, leaf: Uint8Array): boolean {
  try {
    const signed = JSON.parse(new TextDecoder().decode(leaf)) as Record<string, unknown>;
    return SHOWN.every((name) => (signed[name] ?? '') === (shown[name] ?? ''));
  } catch {
    return false;
  }
}

/** Every check with its result; the record is proven only if all of them hold. Raises Error on what does not read. */
export async function verifyRecord(shown: Shown, proof: Proof, ask: AskConsistency): Promise<Check[]> {
  const bytes = fromBase64(proof.leaf);
  const leaf = await leafHash(bytes);
  const checks: Check[] = [{ id: 'bytes', ok: same(leaf, fromHex(proof.leaf_hash)) && matches(shown, bytes) }];

  const note = parseNote(proof.checkpoint);
  const { size, origin } = note.checkpoint;
  const root = note.checkpoint.root;
  checks.push({ id: 'place', ok: await verifyInclusion(leaf, proof.index, size, proof.path.map(fromHex), root), size });

  const chain = await KeyChain.follow(proof.first_key, proof.rotations);
  const turn = chain.turnOf(size);
  checks.push({ id: 'signature', ok: origin === turn.key.name && (await signedBy(note, turn.key)) });

  const now: Remembered = { origin, size, root: toHex(root), key: turn.text };
  const before = remembered(origin);
  if (before) checks.push({ id: 'history', ok: before.key === chain.turnOf(before.size).text && (await continues(before, now, ask)), size: before.size });
  if (checks.every((check) => check.ok) && (!before || before.size < size)) localStorage.setItem(`${KEY}.${origin}`, JSON.stringify(now));
  return checks;
}

async function continues(a: Remembered, b: Remembered, ask: AskConsistency): Promise<boolean> {
  const [old, now] = a.size <= b.size ? [a, b] : [b, a];
  if (old.size === 0) return true;
  const path = old.size === now.size ? [] : await ask(old.size, now.size);
  return verifyConsistency(old.size, now.size, fromHex(old.root), fromHex(now.root), path.map(fromHex));
}
