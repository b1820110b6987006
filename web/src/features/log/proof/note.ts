/** Signed checkpoints: C2SP signed-note, tlog-checkpoint and tlog-cosignature, checked with WebCrypto's Ed25519. */
import { fromBase64, join, sha256, toHex, utf8, type Bytes } from './bytes';

export type Checkpoint = { origin: string; size: number; root: Bytes };
/** A verifier key, written `name+id+base64(algorithm || key)`. */
export type Key = { name: string; id: string; algorithm: number; bytes: Bytes };
type Signature = { name: string; id: string; data: Bytes };
/** A signed text, whatever it says. */
export type Signed = { text: string; signatures: Signature[] };
export type Note = Signed & { checkpoint: Checkpoint };

const ED25519 = 0x01;
const COSIGNATURE = 0x04;
const SIGNATURE_LINE = /^\u2014 (\S+) (\S+)$/;

/** The parts of a signed checkpoint. Raises Error where it is none. */
export function parseNote(note: string): Note {
  const signed = signatures(note);
  const [origin, size, root] = signed.text.split('\n');
  if (!origin || !size || !root || !/^(0|[1-9]\d*)$/.test(size)) throw new Error('not a checkpoint');
  return { ...signed, checkpoint: { origin, size: Number(size), root: fromBase64(root) } };
}

/** Text and signatures of a note. Raises Error where it is none. */
export function signatures(note: string): Signed {
  const gap = note.lastIndexOf('\n\n');
  if (gap < 0) throw new Error('not a signed note');
  const found = note.slice(gap + 2).split('\n').filter(Boolean).map((line) => {
    const [, name, encoded] = SIGNATURE_LINE.exec(line) ?? [];
    if (!name || !encoded) throw new Error('not a signature line');
    const raw = fromBase64(encoded);
    return { name, id: toHex(raw.slice(0, 4)), data: raw.slice(4) };
  });
  return { text: note.slice(0, gap + 1), signatures: found };
}

/** The key that a text names. Raises Error where its id is not that of its bytes. */
export async function parseKey(text: string): Promise<Key> {
  const [name, id, encoded] = text.trim().split(/\+(.*?)\+(.*)/s);
  const raw = fromBase64(encoded ?? '');
  if (!name || !id || raw.length !== 33) throw new Error('not a verifier key');
  const hash = await sha256(join(utf8(`${name}
`), raw));
  if (toHex(hash.slice(0, 4)) !== id) throw new Error('not a verifier key: its id does not fit');
  return { name, id, algorithm: raw[0]!, bytes: raw.slice(1) };
}

/** Whether the note carries a valid signature by this key; one that names the key and fails is no signature. */
export async function signedBy(note: Signed, key: Key): Promise<boolean> {
  const found = note.signatures.filter((signature) => signature.name === key.name && signature.id === key.id);
  if (found.length === 0 || (key.algorithm !== ED25519 && key.algorithm !== COSIGNATURE)) return false;
  const publicKey = await crypto.subtle.importKey('raw', key.bytes, { name: 'Ed25519' }, false, ['verify']);
  for (const signature of found) {
    const [message, data] = key.algorithm === ED25519 ? [utf8(note.text), signature.data] : cosigned(note.text, signature.data);
    if (!(await crypto.subtle.verify({ name: 'Ed25519' }, publicKey, data, message))) return false;
  }
  return true;
}

/** A witness signs its time too: "cosignature/v1", "time <seconds>", then the checkpoint. */
function cosigned(text: string, data: Bytes): [Bytes, Bytes] {
  const seconds = new DataView(data.buffer, data.byteOffset).getBigUint64(0);
  return [utf8(`cosignature/v1\ntime ${seconds}\n${text}`), data.slice(8)];
}
