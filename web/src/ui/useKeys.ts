import { useEffect, useRef } from 'react';
import { preferences } from './preferences';

export type Keys = Record<string, (event: KeyboardEvent) => void>;

const typing = (target: EventTarget | null) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** Single-key shortcuts. Never while typing, never with a modifier, never on key repeat, and not where the person
 *  switched them off (WCAG 2.1.4). A dialog on top takes the keys to itself unless `inDialog`. */
export function useKeys(keys: Keys, { inDialog = false }: { inDialog?: boolean } = {}): void {
  const current = useRef(keys);
  current.current = keys;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
      if (typing(event.target)) return;
      if (!preferences.get().singleKeys && event.key.length === 1) return;
      if (!inDialog && document.querySelector('dialog[open]')) return;
      const action = current.current[event.key.length === 1 ? event.key.toLowerCase() : event.key];
      if (!action) return;
      event.preventDefault();
      action(event);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [inDialog]);
}
