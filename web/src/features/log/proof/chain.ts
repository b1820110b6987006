/** Which key signs which checkpoint: each later key is announced in the log, by a note that the old and the new key sign,
 *  under the last checkpoint of the old one. As the verifier's `chain.py` does. */
import { fromBase64, fromHex } from './bytes';
import { parseKey, parseNote, signatures, signedBy, type Key } from './note';
import { leafHash, verifyInclusion } from './tree';

const HEADER = 'chargehand-log-key/1';

/** The parts of the API's RotationProof that are looked at; `size` is read from the checkpoint. */
export type Rotation = { index: number; leaf: string; path: readonly string[]; checkpoint: string };
type Turn = { after: number; text: string; key: Key };

export class KeyChain {
  private constructor(private readonly turns: Turn[]) {}

  /** From the log's first key along its rotations. Raises Error at one that is not proven. */
  static async follow(first: string, rotations: readonly Rotation[]): Promise<KeyChain> {
    const chain = new KeyChain([{ after: 0, text: first, key: await parseKey(first) }]);
    for (const rotation of rotations) await chain.take(rotation);
    return chain;
  }

  /** The key that signs checkpoints of this size, and no other does. */
  turnOf(size: number): Turn {
    return [...this.turns].reverse().find((turn) => turn.after < size) ?? this.turns[0]!;
  }

  private async take(rotation: Rotation): Promise<void> {
    const tip = this.turns.at(-1)!;
    const note = parseNote(rotation.checkpoint);
    const { size, root, origin } = note.checkpoint;
    const wrong = (why: string) => new Error(`record ${rotation.index}, which announces a key, ${why}`);
    if (origin !== tip.key.name || !(await signedBy(note, tip.key))) throw wrong('is not under the key before');
    if (size !== rotation.index + 1 || size <= tip.after) throw wrong('does not end its checkpoint');
    const leaf = fromBase64(rotation.leaf);
    if (!(await verifyInclusion(await leafHash(leaf), rotation.index, size, rotation.path.map(fromHex), root))) throw wrong('is not what was signed');
    const record = JSON.parse(new TextDecoder().decode(leaf)) as { kind?: string; detail?: { note?: unknown } };
    const said = record.kind === 'checkpoint_key' ? record.detail?.note : undefined;
    if (typeof said !== 'string') throw wrong('announces none');
    const text = said.split('\n')[3] ?? '';
    const key = await parseKey(text);
    const announcement = signatures(said);
    if (announcement.text !== `${HEADER}\n${tip.key.name}\n${tip.text}\n${text}\n` || key.name !== tip.key.name || key.algorithm !== 1) throw wrong('is of another log or key');
    if (!(await signedBy(announcement, tip.key)) || !(await signedBy(announcement, key))) throw wrong('is not signed by both keys');
    if (this.turns.some((turn) => turn.text === text)) throw wrong('brings a key back');
    this.turns.push({ after: size, text, key });
  }
}
