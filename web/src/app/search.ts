/** Finding by a few letters: every word of the question must begin a word of the entry; Chinese is found by pairs. */
export type Action = { id: string; group: string; label: string; detail: string; also?: string; run: () => void };

const CJK = /[\u3400-\u9fff]/;
const fold = (text: string) => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();

function score(entry: Action, words: string[]): number {
  const label = fold(entry.label);
  const rest = fold(`${entry.detail} ${entry.group} ${entry.also ?? ''} ${entry.id}`);
  const starts = (text: string, word: string) => (CJK.test(word) ? text.includes(word) : ` ${text.replaceAll(/[^\p{L}\p{N}]+/gu, ' ')}`.includes(` ${word}`));
  let sum = 0;
  for (const word of words) {
    if (starts(label, word)) sum += 3;
    else if (starts(rest, word)) sum += 1;
    else return 0;
  }
  return sum;
}

/** Entries that match, best first; all of them for an empty question. */
export function search<T extends Action>(entries: T[], question: string): T[] {
  const words = fold(question).split(/\s+/).filter(Boolean);
  if (words.length === 0) return entries;
  return entries
    .map((entry) => [entry, score(entry, words)] as const)
    .filter(([, points]) => points > 0)
    .sort((a, b) => b[1] - a[1])
    .map(([entry]) => entry);
}
