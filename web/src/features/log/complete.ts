/** Completions of a filter at the caret: fields, their values (also by the words people use for them), keywords. */
import type { FilterField } from '../../api/log';

export type Completion = { insert: string; label: string; kind: 'field' | 'value' | 'keyword' };
export type Completions = { start: number; end: number; items: Completion[] };

const KEYWORDS = ['last 1h', 'last 24h', 'last 7d', 'last 30d', 'today', 'yesterday', 'not ', 'or '];
const MOST = 10;

const starts = (text: string, with_: string) => text.toLowerCase().startsWith(with_.toLowerCase());
const quote = (value: string) => (/[\s()",]/.test(value) ? `"${value}"` : value);

/** What may stand where the caret is. `start` and `end` bound the word that a completion takes the place of. */
export function complete(fields: readonly FilterField[], text: string, caret: number): Completions {
  const before = text.slice(0, caret);
  const start = before.search(/[^\s(,]*$/);
  const end = caret + (/^[^\s),]*/.exec(text.slice(caret))?.[0].length ?? 0);
  const word = before.slice(start);
  const [, name, operator, part] = /^-?([^:=<>~!]+)(:|!=|<=|>=|=|<|>|~)(.*)$/.exec(word) ?? [];
  if (name !== undefined && operator !== undefined && part !== undefined) {
    const field = fields.find((each) => each.name === name || each.aliases.includes(name));
    if (!field) return { start, end, items: [] };
    const wanted = part.replace(/^"/, '');
    const items = field.values
      .map((value) => ({ value, labels: field.labels[value] ?? [] }))
      .filter(({ value, labels }) => starts(value, wanted) || labels.some((label) => starts(label, wanted)))
      .slice(0, MOST)
      .map(({ value, labels }): Completion => ({ insert: quote(value), label: labels.join(', '), kind: 'value' }));
    return { start: start + word.length - part.length, end, items };
  }
  const minus = word.startsWith('-') ? 1 : 0;
  const wanted = word.slice(minus);
  const names = fields
    .filter((field) => starts(field.name, wanted) || field.aliases.some((alias) => starts(alias, wanted)))
    .map((field): Completion => ({ insert: field.kind === 'time' ? `${field.name}>=` : `${field.name}:`, label: field.about, kind: 'field' }));
  const keywords = KEYWORDS.filter((keyword) => starts(keyword, wanted)).map((keyword): Completion => ({ insert: keyword, label: '', kind: 'keyword' }));
  return { start: start + minus, end, items: [...names, ...keywords].slice(0, MOST + 4) };
}
