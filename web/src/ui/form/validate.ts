/** Validation in words. The validator interprets the schema (no `eval`), so it runs under a strict content policy. */
import { Validator, type OutputUnit, type Schema as Strict } from '@cfworker/json-schema';
import i18n from 'i18next';
import { number } from '../format';
import { prune, resolve, type Schema } from './schema';

export type Errors = Record<string, string>;

const t = (key: string, values?: Record<string, unknown>) => i18n.t(`form.${key}`, values);

/** Path ("lines/0/amount") to a sentence. Empty where everything is right. */
export function validate(schema: Schema, value: unknown): Errors {
  const validator = new Validator(withoutUnknownFormats(schema) as Strict, '2020-12', false);
  const { errors } = validator.validate(prune(value) ?? {});
  const found: Errors = {};
  for (const error of errors) {
    const path = error.instanceLocation.replace(/^#\/?/, '');
    if (error.keyword === 'required') {
      const missing = /"([^"]+)"/.exec(error.error)?.[1];
      if (missing) found[path ? `${path}/${missing}` : missing] ??= t('required');
      continue;
    }
    const sentence = path && words(error, at(schema, path));
    if (sentence) found[path] ??= sentence;
  }
  return found;
}

function words(error: OutputUnit, schema: Schema): string | undefined {
  switch (error.keyword) {
    case 'minimum': return t('minimum', { limit: number(schema.minimum ?? 0) });
    case 'maximum': return t('maximum', { limit: number(schema.maximum ?? 0) });
    case 'exclusiveMinimum': return t('above', { limit: number(schema.exclusiveMinimum ?? 0) });
    case 'exclusiveMaximum': return t('below', { limit: number(schema.exclusiveMaximum ?? 0) });
    case 'multipleOf': return t('step', { step: number(schema.multipleOf ?? 1, { maximumFractionDigits: 6 }) });
    case 'minLength': return t('minLength', { count: schema.minLength });
    case 'maxLength': return t('maxLength', { count: schema.maxLength });
    case 'minItems': return t('minItems', { count: schema.minItems });
    case 'maxItems': return t('maxItems', { count: schema.maxItems });
    case 'pattern': return schema.examples?.[0] ? t('patternExample', { example: String(schema.examples[0]) }) : t('pattern');
    case 'format': return t(`format.${schema.format?.replaceAll('-', '_') ?? 'other'}`, { defaultValue: t('format.other') });
    case 'enum': case 'const': case 'oneOf': return t('choice');
    case 'anyOf': case 'type': return t('type');
    default: return undefined;
  }
}

/** The subschema that a path leads to. */
function at(root: Schema, path: string): Schema {
  let schema = resolve(root, root);
  for (const part of path.split('/')) {
    const next = schema.properties?.[part.replaceAll('~1', '/').replaceAll('~0', '~')] ?? schema.items ?? {};
    schema = resolve(next, root);
  }
  return schema;
}

const KNOWN = new Set(['date', 'date-time', 'time', 'email', 'uri', 'uuid', 'ipv4', 'ipv6', 'hostname', 'duration', 'regex']);

function withoutUnknownFormats(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(withoutUnknownFormats);
  if (!schema || typeof schema !== 'object') return schema;
  return Object.fromEntries(Object.entries(schema)
    .filter(([key, value]) => !(key === 'format' && typeof value === 'string' && !KNOWN.has(value)))
    .map(([key, value]) => [key, withoutUnknownFormats(value)]));
}
