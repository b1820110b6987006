import { prune, type Schema } from '../../ui/form/schema';
import { validate, type Errors } from '../../ui/form/validate';
import type { IntakeTool } from '../../api/intakes';

/** How messages are read, as it is typed: arguments of the tool, and the seconds between two reads. */
export type Reading = { arguments: Record<string, unknown>; seconds: string };

const SECONDS: Schema = { type: 'object', properties: { every_seconds: { type: 'integer', minimum: 5, maximum: 86_400 } }, required: ['every_seconds'] };

export const everySeconds = ({ seconds }: Reading): number => Number(seconds);
export const argumentsOf = (reading: Reading): Record<string, unknown> => (prune(reading.arguments) as Record<string, unknown> | undefined) ?? {};

/** What is wrong with it, in words, by field. Without the tool its arguments are the server's to judge. */
export function problemsOf(reading: Reading, tool: IntakeTool | undefined): Errors {
  const given = tool ? validate(tool.input_schema as Schema, reading.arguments) : {};
  const seconds = reading.seconds.trim() ? { every_seconds: Number(reading.seconds) } : {};
  return { ...Object.fromEntries(Object.entries(given).map(([path, text]) => [`arguments/${path}`, text])), ...validate(SECONDS, seconds) };
}
