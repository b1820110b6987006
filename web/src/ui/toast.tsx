/** Short notices at the bottom; announced politely, gone after a while, never the only place of an error. */
import { useSyncExternalStore } from 'react';
import { toneOf, iconOf } from './State';
import css from './toast.module.css';

type Toast = { id: number; text: string; state: string };

let toasts: Toast[] = [];
let next = 1;
const listeners = new Set<() => void>();
const changed = () => listeners.forEach((listener) => listener());

/** `state` is one of the names in State.tsx: it gives icon and colour. */
export function toast(text: string, state = 'finished'): void {
  const id = next++;
  toasts = [...toasts.slice(-2), { id, text, state }];
  changed();
  setTimeout(() => {
    toasts = toasts.filter((each) => each.id !== id);
    changed();
  }, 6000);
}

export function Toasts() {
  const shown = useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, () => toasts);
  return (
    <div className={css.stack} role="status" aria-live="polite">
      {shown.map((each) => {
        const Icon = iconOf(each.state);
        return (
          <div key={each.id} className={css.toast} data-tone={toneOf(each.state)}>
            <Icon size={15} aria-hidden />
            <span>{each.text}</span>
          </div>
        );
      })}
    </div>
  );
}
