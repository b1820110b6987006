/**
 * The server's sentences in the viewer's language. The server says everything in English and keeps it so (a log must not
 * depend on who reads it); here its templates are known with their translation, `{}` for each value that was filled in.
 * `tests/architecture/test_chinese.py` reads the templates from the server's source and fails when one is missing.
 */
export type Catalogue = Record<'sentences' | 'policy' | 'parts' | 'foreign', Record<string, string>>;

/** `quotes`: whether a value may hold sentences of whoever wrote it, as after a colon. */
type Rule = { pattern: RegExp; words: string; quotes: boolean[] };

const MOST_CHARACTERS = 2_000;
const MOST_KEPT = 2_000;
const FIELD = /^([\w.[\]-]{1,200})(?: = (.{1,90}?))?: (.+)$/s;
const END = /[.)!?] /g;
const BREAK = /[.!?] [A-Z]/;

let whole = new Map<string, string>();
let rules: Rule[] = [];
let nameOf: (word: string) => string = (word) => word;
const known = new Map<string, string | undefined>();

const escaped = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
const fixed = (template: string) => template.replaceAll('{}', '').length;

/** Take over another language's sentences; none for English. `names` translates single words, such as states. */
export function takeSentences(catalogue: Catalogue | null, names: (word: string) => string): void {
  const all = catalogue ? Object.entries({ ...catalogue.foreign, ...catalogue.parts, ...catalogue.policy, ...catalogue.sentences }) : [];
  whole = new Map(all.filter(([template]) => !template.includes('{}')));
  // What says most by itself is tried first, so that "{} exists already." takes nothing from a longer one.
  rules = all.filter(([template]) => template.includes('{}')).sort(([a], [b]) => fixed(b) - fixed(a))
    .map(([template, words]) => {
      const parts = template.split('{}');
      return { pattern: new RegExp(`^${parts.map(escaped).join('(.*?)')}$`, 's'), words, quotes: parts.slice(0, -1).map((before) => /(: ?|[(“])$/.test(before)) };
    });
  nameOf = names;
  known.clear();
}

/** What the server wrote, in the viewer's language; undefined where nobody has translated it. */
export function translated(text: string): string | undefined {
  if ((whole.size === 0 && rules.length === 0) || !text || text.length > MOST_CHARACTERS) return undefined;
  if (!known.has(text)) {
    if (known.size >= MOST_KEPT) known.clear();
    known.set(text, find(text.trim()));
  }
  return known.get(text);
}

const find = (text: string): string | undefined => whole.get(text) ?? several(text) ?? filled(text) ?? named(text);

function filled(text: string): string | undefined {
  for (const { pattern, words, quotes } of rules) {
    const values = pattern.exec(text)?.slice(1);
    if (values?.every((each, at) => quotes[at] || !BREAK.test(each) || find(each.trim()) !== undefined)) return words.replaceAll(/\{(\d)\}/g, (_, at: string) => value(values[Number(at)] ?? ''));
  }
  return undefined;
}

/** A value is a sentence itself, the name of a state, or what it is. */
const value = (text: string): string => (text.includes(' ') ? (find(text.trim()) ?? text) : nameOf(text));

/** "mapping.text = 'a[': this is no …", as errors name a field. */
function named(text: string): string | undefined {
  const [, field, given, rest] = FIELD.exec(text) ?? [];
  const words = rest && find(rest);
  return words ? `${field}${given ? ` = ${given}` : ''}：${words}` : undefined;
}

/** Sentences one after the other: all of them, or nothing. */
function several(text: string): string | undefined {
  for (const { index } of text.matchAll(END)) {
    const sentence = text.slice(0, index + 1);
    const first = whole.get(sentence) ?? filled(sentence);
    const rest = first && find(text.slice(index + 2));
    if (rest) return `${first}${rest}`;
  }
  return undefined;
}

/** For places that take text alone: in the viewer's language where it is known. */
export const worded = (text: string): string => translated(text) ?? text;

/** What is wrong with one field, beside it: without the name of the field where it is known in the viewer's language. */
export function wordedAtField(text: string): string {
  const rest = FIELD.exec(text)?.[3];
  return (rest && translated(rest)) || worded(text);
}
