import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import en from './en';
import zh from './zh';

const ROOT = join(import.meta.dirname, '..');
const PLURAL = /_(zero|one|two|few|many|other)$/;

function flatten(node: object, prefix = ''): Record<string, string> {
  return Object.fromEntries(Object.entries(node).flatMap(([name, value]) =>
    typeof value === 'string' ? [[prefix + name, value]] : Object.entries(flatten(value as object, `${prefix}${name}.`))));
}

const bare = (texts: Record<string, string>) => new Set(Object.keys(texts).map((key) => key.replace(PLURAL, '')));
const english = flatten(en);
const chinese = flatten(zh);

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return /\.tsx?$/.test(entry.name) && !/\.test\.|schema\.d/.test(entry.name) ? [readFileSync(path, 'utf-8')] : [];
  });
}

/** The first argument of every call `t(…)`, with brackets balanced. */
function* calls(source: string): Generator<string> {
  for (const call of source.matchAll(/\bt\(/g)) {
    const begin = call.index + call[0].length;
    let depth = 1;
    let at = begin;
    for (; depth > 0 && at < source.length; at++) {
      if ('([{'.includes(source[at]!)) depth++;
      else if (')]}'.includes(source[at]!)) depth--;
      else if (source[at] === ',' && depth === 1) break;
    }
    yield source.slice(begin, at);
  }
}

/** Keys that the code asks for: literal ones whole, computed ones as a pattern. `prefix` is what a local `t` prepends. */
function asked(): { whole: Set<string>; patterns: RegExp[] } {
  const whole = new Set<string>();
  const patterns: RegExp[] = [];
  for (const source of sources(ROOT)) {
    const prefix = /i18n\.t\(`(\w+)\.\$\{key\}`/.exec(source)?.[1];
    const at = (key: string) => (prefix ? `${prefix}.${key}` : key);
    for (const argument of calls(source)) {
      const templates = [...argument.matchAll(/`((?:[^`$]|\$\{[^}]*\}|\$)*)`/g)].map((match) => match[1]!);
      for (const template of templates) {
        if (prefix && template.startsWith(`${prefix}.`)) continue; // the local `t` itself
        const pattern = at(template).replaceAll(/\$\{[^}]*\}/g, '\u0000').replaceAll('.', '\\.').replaceAll('\u0000', '[^.]+');
        patterns.push(new RegExp(`^${pattern}$`));
      }
      const rest = argument.replaceAll(/`[^`]*`/g, '');
      for (const literal of rest.matchAll(/'([a-z]\w*(?:\.\w+)*)'/gi)) if (prefix || literal[1]!.includes('.')) whole.add(at(literal[1]!));
    }
  }
  return { whole, patterns };
}

/** Keys by the server's message ids; their use is computed in said.ts. */
const BY_MESSAGE = /^message\./;

test('Chinese has every key that English has, and the other way round', () => {
  expect([...bare(english)].filter((key) => !bare(chinese).has(key))).toEqual([]);
  expect([...bare(chinese)].filter((key) => !bare(english).has(key))).toEqual([]);
});

test('both languages fill in the same values', () => {
  const values = (text: string) => [...new Set([...text.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1]))].sort();
  const wrong = Object.entries(chinese).filter(([key, text]) => {
    const other = english[key] ?? english[key.replace(PLURAL, '_one')];
    return other !== undefined && values(other).join() !== values(text).join();
  });
  expect(wrong.map(([key]) => key)).toEqual([]);
});

test('no Chinese text was left in English', () => {
  const names = /^(CSV|OCSF|Parquet|[^a-z]*(\{\{\w+\}\}[^a-z]*)+)$/;
  expect(Object.entries(chinese).filter(([, text]) => !/[\u3400-\u9fff]/.test(text) && !names.test(text)).map(([key]) => key)).toEqual([]);
});

test('every key that the code asks for exists', () => {
  const known = bare(english);
  expect([...asked().whole].filter((key) => !known.has(key))).toEqual([]);
  expect(asked().patterns.filter((pattern) => ![...known].some((key) => pattern.test(key))).map(String)).toEqual([]);
});

test('no key is left that nobody asks for', () => {
  const { whole, patterns } = asked();
  expect([...bare(english)].filter((key) => !whole.has(key) && !patterns.some((pattern) => pattern.test(key)) && !BY_MESSAGE.test(key))).toEqual([]);
});
