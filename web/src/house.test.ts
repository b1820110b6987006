/** The console's own rules: floors, colours in one file, nothing rendered as markup, the first load, the lock. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';

const SOURCE = import.meta.dirname;
const DIST = join(SOURCE, '../dist');
const FIRST_LOAD_BYTES = 200_000;

function files(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)]));
}

const sources = files(SOURCE).map((path) => ({ path: relative(SOURCE, path), text: readFileSync(path, 'utf-8') }));
const code = sources.filter(({ path }) => /\.tsx?$/.test(path) && !path.includes('.test.') && !path.endsWith('schema.d.ts'));

test('colours stand in tokens.css alone', () => {
  const raw = /#[0-9a-f]{3,8}\b|\b(?:rgb|hsl|oklch)a?\(/i;
  const styled = sources.filter(({ path }) => /\.css$/.test(path) && path !== 'styles/tokens.css');
  const inCode = code.map(({ path, text }) => ({ path, text: (text.match(/(?:color|colour|fill|stroke|background)[^\n]*/gi) ?? []).join('\n') }));
  expect([...styled, ...inCode].filter(({ text }) => raw.test(text.replaceAll(/url\(#[^)]*\)|`[^`]*#\$\{[^`]*`/g, ''))).map(({ path }) => path)).toEqual([]);
});

test('the floors hold: ui and api know nothing of features, features nothing of how the app is put together', () => {
  const imports = (text: string) => [...text.matchAll(/from '([^']+)'|import\('([^']+)'\)/g)].map((match) => match[1] ?? match[2]!);
  const wrong = code.flatMap(({ path, text }) => imports(text).map((target) => ({ path, target }))).filter(({ path, target }) => {
    if (/^(ui|api|i18n)\//.test(path)) return /\/(features|app)\//.test(target);
    if (path.startsWith('features/')) return /\/app\/(?!session$)/.test(target);
    return false;
  });
  expect(wrong).toEqual([]);
});

test('nothing is rendered as HTML, and nothing is evaluated', () => {
  expect(code.filter(({ text }) => /dangerouslySetInnerHTML|\.innerHTML|insertAdjacentHTML|\beval\(|new Function/.test(text)).map(({ path }) => path)).toEqual([]);
});

test('files tell one story', () => {
  expect(code.filter(({ text }) => text.split('\n').length > 250).map(({ path }) => path)).toEqual([]);
});

test('the lock names no host', () => {
  const lock = readFileSync(join(SOURCE, '../package-lock.json'), 'utf-8');
  expect(lock).not.toMatch(/"resolved"/);
});

type Chunk = { file: string; imports?: string[]; dynamicImports?: string[]; isEntry?: boolean };

test.skipIf(!existsSync(DIST))('the first load of every page stays within its budget of compressed script', () => {
  const manifest = JSON.parse(readFileSync(join(DIST, '.vite/manifest.json'), 'utf-8')) as Record<string, Chunk>;
  const closure = (name: string, seen = new Set<string>()): Set<string> => {
    if (seen.has(name)) return seen;
    seen.add(name);
    manifest[name]?.imports?.forEach((each) => closure(each, seen));
    return seen;
  };
  const size = (names: Set<string>) => [...new Set([...names].map((name) => manifest[name]!.file))].filter((file) => file.endsWith('.js')).reduce((sum, file) => sum + gzipSync(readFileSync(join(DIST, file)), { level: 9 }).length, 0);
  const entry = Object.keys(manifest).find((name) => manifest[name]!.isEntry)!;
  const language = Object.keys(manifest).filter((name) => /^src\/i18n\/(en|zh)\/index\.ts$/.test(name));
  const pages = Object.keys(manifest).filter((name) => /^src\/features\/.*Page\.tsx$|Catalogue\.tsx$/.test(name));
  expect(pages.length).toBeGreaterThan(10);
  const loads = pages.map((page) => ({ page, bytes: Math.max(...language.map((each) => size(new Set([...closure(entry), ...closure(page), ...closure(each)])))) }));
  expect(loads.filter((load) => load.bytes > FIRST_LOAD_BYTES)).toEqual([]);
  console.info(`largest first load: ${Math.max(...loads.map((load) => load.bytes))} bytes of ${FIRST_LOAD_BYTES}`);
});

test('what is built allows a strict content policy: no inline script or style', () => {
  const html = readFileSync(join(SOURCE, '../index.html'), 'utf-8');
  expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son\w+=|style=/);
});
