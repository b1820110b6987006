/** One file a feature, merged to one chunk a language. */
const files = import.meta.glob<Record<string, unknown>>('./*.json', { eager: true, import: 'default' });

const merged: Record<string, unknown> = {};
for (const file of Object.values(files)) Object.assign(merged, file);

export default merged;
