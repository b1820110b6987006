/** What is written into the fields of a mapping: expressions by input field, with empty ones. */
export type Places = Record<string, string>;

/** The mapping that they make: a field without an expression is left out. */
export const mappingOf = (places: Places): Places => Object.fromEntries(Object.entries(places).map(([field, place]) => [field, place.trim()]).filter(([, place]) => place));
