/** JSON Schema as Pydantic writes it, reduced to what a form needs. Unknown shapes become a JSON field, never a crash. */
import i18n from 'i18next';

export type Schema = {
  type?: string | string[];
  title?: string;
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  enum?: unknown[];
  const?: unknown;
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
  items?: Schema;
  format?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  pattern?: string;
  unit?: string;
  examples?: unknown[];
  contentEncoding?: string;
  contentMediaType?: string;
  $ref?: string;
  $defs?: Record<string, Schema>;
  [extension: `x-${string}`]: unknown;
};

export type Choice = { value: unknown; label: string };
export type Kind = 'text' | 'long' | 'number' | 'integer' | 'decimal' | 'switch' | 'choice' | 'many' | 'date' | 'moment' | 'time' | 'file' | 'list' | 'rows' | 'group' | 'json';

type Translation = { title?: string; description?: string; values?: Record<string, string> };

const isNull = (schema: Schema) => schema.type === 'null';

/** Follows `$ref`, drops the `null` of an optional, and joins `allOf`. */
export function resolve(schema: Schema, root: Schema): Schema {
  if (schema.$ref) {
    const found = root.$defs?.[schema.$ref.replace('#/$defs/', '')];
    const { $ref: _ref, ...beside } = schema;
    return found ? resolve({ ...found, ...beside }, root) : beside;
  }
  if (schema.allOf?.length === 1) {
    const { allOf, ...beside } = schema;
    return resolve({ ...allOf[0], ...beside }, root);
  }
  const options = schema.anyOf?.filter((each) => !isNull(each));
  if (schema.anyOf && options?.length === 1) {
    const { anyOf: _anyOf, ...beside } = schema;
    return resolve({ ...options[0], ...beside }, root);
  }
  return schema;
}

const isDecimal = (schema: Schema) =>
  schema.anyOf?.some((each) => each.type === 'number') === true && schema.anyOf.some((each) => each.type === 'string');

export function kindOf(schema: Schema): Kind {
  if (choicesOf(schema)) return 'choice';
  if (isDecimal(schema) || schema.format === 'decimal') return 'decimal';
  switch (Array.isArray(schema.type) ? schema.type.find((each) => each !== 'null') : schema.type) {
    case 'boolean': return 'switch';
    case 'integer': return 'integer';
    case 'number': return 'number';
    case 'object': return schema.properties ? 'group' : 'json';
    case 'array': {
      const items = schema.items ?? {};
      if (choicesOf(items)) return 'many';
      return items.type === 'object' || items.$ref ? 'rows' : 'list';
    }
    case 'string':
      if (schema.format === 'date') return 'date';
      if (schema.format === 'date-time') return 'moment';
      if (schema.format === 'time') return 'time';
      if (schema.format === 'binary' || schema.contentEncoding === 'base64') return 'file';
      return (schema.maxLength ?? 0) > 200 || schema['x-long'] === true ? 'long' : 'text';
    default: return 'json';
  }
}

const translation = (schema: Schema): Translation => (i18n.language === 'zh' ? ((schema['x-zh'] as Translation | undefined) ?? {}) : {});

export function choicesOf(schema: Schema): Choice[] | undefined {
  const named = translation(schema).values ?? {};
  const label = (value: unknown, title?: string) => named[String(value)] ?? title ?? humanChoice(value);
  if (schema.enum) return schema.enum.map((value) => ({ value, label: label(value) }));
  const options = schema.oneOf ?? schema.anyOf;
  if (options?.length && options.every((each) => 'const' in each)) return options.map((each) => ({ value: each.const, label: label(each.const, each.title) }));
  return undefined;
}

function humanChoice(value: unknown): string {
  const text = String(value);
  return /^[a-z0-9]+([_-][a-z0-9]+)*$/.test(text) ? (text.charAt(0).toUpperCase() + text.slice(1)).replaceAll(/[_-]/g, ' ') : text;
}

export const titleOf = (schema: Schema, name: string): string => translation(schema).title ?? schema.title ?? humanChoice(name);

export const helpOf = (schema: Schema): string | undefined => translation(schema).description ?? schema.description;

export const unitOf = (schema: Schema): string | undefined => (schema.unit ?? schema['x-unit'] ?? schema['x-currency']) as string | undefined;

/** The values that a fresh form starts with. */
export function defaultsOf(schema: Schema, root: Schema): unknown {
  const plain = resolve(schema, root);
  if (plain.default !== undefined && plain.default !== null) return plain.default;
  if (!plain.properties) return undefined;
  const entries = Object.entries(plain.properties).map(([name, each]) => [name, defaultsOf(each, root)] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** Without what was left empty, so that an optional field that nobody touched is absent and not "". */
export function prune(value: unknown): unknown {
  if (value === '' || value === null) return undefined;
  if (Array.isArray(value)) {
    const kept = value.map(prune).filter((each) => each !== undefined);
    return kept.length > 0 ? kept : undefined;
  }
  if (value && typeof value === 'object') {
    const kept = Object.entries(value).map(([name, each]) => [name, prune(each)] as const).filter(([, each]) => each !== undefined);
    return kept.length > 0 ? Object.fromEntries(kept) : undefined;
  }
  return value;
}
