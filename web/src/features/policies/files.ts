/** A policy's files by name; a file that is not there was deleted, or is not there yet. */
type Files = Record<string, string>;

/** What to send so that `before` becomes `after`: changed files whole, null for those that are gone. */
export function changes(before: Files, after: Files): Record<string, string | null> {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return Object.fromEntries(names.filter((name) => before[name] !== after[name]).map((name) => [name, after[name] ?? null]));
}

/** A sign beside a file's name: it is not as in force, or not there any more. */
export function mark(inForce: string | undefined, own: string | undefined): string {
  if (own === undefined) return '✕';
  return own === inForce ? '' : '●';
}
