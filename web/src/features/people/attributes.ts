/** What to send after editing: trimmed values that differ, null for those that were emptied. */
export function changed(before: Record<string, string>, edited: Record<string, string>): Record<string, string | null> {
  const after = Object.entries(edited).map(([name, value]) => [name, value.trim()] as const);
  return Object.fromEntries(after.filter(([name, value]) => value !== (before[name] ?? '')).map(([name, value]) => [name, value || null]));
}
