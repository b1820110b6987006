// Generates src/api/schema.d.ts from the API's own OpenAPI document; with --check it fails when the file is stale.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import openapiTS, { astToString } from 'openapi-typescript';

const root = join(import.meta.dirname, '../..');
const target = join(import.meta.dirname, '../src/api/schema.d.ts');
const venv = join(root, '.venv/bin/python');
const python = process.env.PYTHON ?? (existsSync(venv) ? venv : 'python3');

const text = execFileSync(python, ['-m', 'chargehand.api.openapi'], { cwd: root, maxBuffer: 64 << 20, encoding: 'utf-8' });
const head = '// Generated from the API by `npm run api`; a test fails when it is stale. Do not edit.\n';
const types = head + astToString(await openapiTS(JSON.parse(text)));

if (process.argv.includes('--check')) {
  if (!existsSync(target) || readFileSync(target, 'utf-8') !== types) {
    console.error('src/api/schema.d.ts does not match the API: run `npm run api` and commit it.');
    process.exit(1);
  }
} else {
  writeFileSync(target, types);
}
