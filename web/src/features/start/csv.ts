/** CSV as spreadsheets write it (RFC 4180; comma, semicolon or tab), turned into inputs by the agent's schema. */
import { parseDecimal } from '../../ui/form/decimal';
import { kindOf, resolve, titleOf, type Schema } from '../../ui/form/schema';

export type Parsed = { columns: string[]; rows: Record<string, unknown>[]; unknown: string[] };

/** Cells of a CSV text. Quoted cells may hold separators, quotes and line breaks. */
export function cells(text: string): string[][] {
  const body = text.replace(/^\ufeff/, '');
  const head = body.split(/\r?\n/, 1)[0] ?? '';
  const separator = [',', ';', '\t'].reduce((best, each) => (head.split(each).length > head.split(best).length ? each : best));
  const rows: string[][] = [[]];
  let cell = '';
  let quoted = false;
  for (let i = 0; i < body.length; i++) {
    const char = body[i]!;
    if (quoted) {
      if (char === '"' && body[i + 1] === '"') { cell += '"'; i++; }
      else if (char === '"') quoted = false;
      else cell += char;
    } else if (char === '"' && cell === '') quoted = true;
    else if (char === separator) { rows.at(-1)!.push(cell); cell = ''; }
    else if (char === '\n' || char === '\r') {
      if (char === '\r' && body[i + 1] === '\n') i++;
      rows.at(-1)!.push(cell);
      rows.push([]);
      cell = '';
    } else cell += char;
  }
  rows.at(-1)!.push(cell);
  return rows.filter((row) => row.some((each) => each.trim() !== ''));
}

/** Rows by the schema's field names; a column may be headed by the name or by the title of a field. */
export function parse(text: string, schema: Schema): Parsed {
  const [head = [], ...body] = cells(text);
  const root = resolve(schema, schema);
  const fields = Object.entries(root.properties ?? {}).map(([name, each]) => ({ name, schema: resolve(each, schema) }));
  const fold = (label: string) => label.trim().toLowerCase();
  const found = head.map((label) => fields.find((field) => fold(field.name) === fold(label) || fold(titleOf(field.schema, field.name)) === fold(label) || fold(field.schema.title ?? '') === fold(label)));
  const rows = body.map((row) => {
    const entries = found.map((field, i) => [field, (row[i] ?? '').trim()] as const).filter(([field, cell]) => field && cell !== '');
    return Object.fromEntries(entries.map(([field, cell]) => [field!.name, convert(cell, field!.schema)]));
  });
  return { columns: found.filter((field) => field !== undefined).map((field) => field.name), rows, unknown: head.filter((_, i) => !found[i]) };
}

function convert(cell: string, schema: Schema): unknown {
  switch (kindOf(schema)) {
    case 'number': case 'integer': { const plain = parseDecimal(cell); return Number.isFinite(Number(plain)) ? Number(plain) : cell; }
    case 'decimal': return parseDecimal(cell);
    case 'switch': return /^(true|yes|y|1|是|ja|oui)$/i.test(cell) ? true : /^(false|no|n|0|否|nein|non)$/i.test(cell) ? false : cell;
    case 'list': case 'many': return cell.split(/[|、]/).map((each) => each.trim()).filter(Boolean);
    case 'json': case 'group': case 'rows': try { return JSON.parse(cell); } catch { return cell; }
    default: return cell;
  }
}
