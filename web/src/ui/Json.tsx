import css from './Json.module.css';

/** What a tool or a model returned, as text in a box of its own: never markup, never longer than a screen. */
export function Json({ value, label, limit = 20_000 }: { value: unknown; label: string; limit?: number }) {
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2) ?? '';
  return <pre className={css.json} tabIndex={0} aria-label={label}>{text.length > limit ? `${text.slice(0, limit)}…` : text}</pre>;
}
