/** Small edits of a filter text, for chips and the brush; the language itself is the server's. */
const TOKEN = /(?:[^\s"()]|"(?:[^"\\]|\\.)*"|\([^()]*\))+/g;

/** The first value of `field:value` in the text, without quotes. */
export function valueOf(q: string, field: string): string | undefined {
  const token = q.match(TOKEN)?.find((each) => each.startsWith(`${field}:`));
  return token?.slice(field.length + 1).replace(/^"|"$/g, '');
}

const quote = (value: string) => (/[\s()",]/.test(value) ? `"${value.replaceAll(/["\\]/g, '\\$&')}"` : value);

/** The text with `field:value` set, or without the field. Other words stay as they were typed. */
export function withValue(q: string, field: string, value: string | undefined): string {
  const rest = (q.match(TOKEN) ?? []).filter((each) => !each.startsWith(`${field}:`));
  return [...rest, ...(value === undefined ? [] : [`${field}:${quote(value)}`])].join(' ');
}

/** The text narrowed to a stretch of time, `from <= at < to`, in place of an earlier stretch. */
export function withTime(q: string, from: Date, to: Date): string {
  const rest = withoutTime(q);
  return [rest, `at>=${from.toISOString().slice(0, 19)}Z`, `at<${to.toISOString().slice(0, 19)}Z`].filter(Boolean).join(' ');
}

export function withoutTime(q: string): string {
  return q.replaceAll(/\b(?:at|time)\s*(?:>=|<=|<|>|:|=)\s*\S+/g, '').replaceAll(/\b(?:last|past)\s+\d+\s*[a-z]+/gi, '').replaceAll(/\s+/g, ' ').trim();
}

export const hasTime = (q: string) => withoutTime(q) !== q.replaceAll(/\s+/g, ' ').trim();
