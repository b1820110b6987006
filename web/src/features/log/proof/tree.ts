/** Merkle proofs as RFC 9162 sections 2.1.3.2 and 2.1.4.2 check them, with WebCrypto's SHA-256. Sizes below 2^53. */
import { join, same, sha256, type Bytes } from './bytes';

const LEAF = new Uint8Array([0]);
const NODE = new Uint8Array([1]);

export const leafHash = (leaf: Bytes): Promise<Bytes> => sha256(join(LEAF, leaf));
const nodeHash = (left: Bytes, right: Bytes): Promise<Bytes> => sha256(join(NODE, left, right));

const half = (n: number) => Math.floor(n / 2);
const odd = (n: number) => n % 2 === 1;

/** Whether the leaf with this hash is at `index` of the tree with `size` leaves and this root. */
export async function verifyInclusion(leaf: Bytes, index: number, size: number, path: readonly Bytes[], root: Bytes): Promise<boolean> {
  if (!Number.isSafeInteger(index) || !Number.isSafeInteger(size) || index < 0 || index >= size) return false;
  let node = index;
  let last = size - 1;
  let hash = leaf;
  for (const sibling of path) {
    if (last === 0) return false;
    if (odd(node) || node === last) {
      hash = await nodeHash(sibling, hash);
      while (node !== 0 && !odd(node)) [node, last] = [half(node), half(last)];
    } else {
      hash = await nodeHash(hash, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && same(hash, root);
}

/** Whether the tree of `size` continues the tree of `old` leaves: nothing was changed or removed in between. */
export async function verifyConsistency(old: number, size: number, oldRoot: Bytes, root: Bytes, path: readonly Bytes[]): Promise<boolean> {
  if (!Number.isSafeInteger(old) || !Number.isSafeInteger(size) || old <= 0 || old > size) return false;
  if (old === size) return path.length === 0 && same(oldRoot, root);
  const hashes = Number.isInteger(Math.log2(old)) ? [oldRoot, ...path] : [...path];
  const first = hashes[0];
  if (!first) return false;
  let node = old - 1;
  let last = size - 1;
  while (odd(node)) [node, last] = [half(node), half(last)];
  let before = first;
  let after = first;
  for (const sibling of hashes.slice(1)) {
    if (last === 0) return false;
    if (odd(node) || node === last) {
      before = await nodeHash(sibling, before);
      after = await nodeHash(sibling, after);
      while (node !== 0 && !odd(node)) [node, last] = [half(node), half(last)];
    } else {
      after = await nodeHash(after, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && same(before, oldRoot) && same(after, root);
}
