/** What a person chose for this browser: theme and whether single letters are shortcuts. */
import { useSyncExternalStore } from 'react';

export type Theme = 'auto' | 'light' | 'dark';
export type Preferences = { theme: Theme; singleKeys: boolean };

const KEY = 'chargehand.preferences';
const DEFAULT: Preferences = { theme: 'auto', singleKeys: true };

function load(): Preferences {
  try {
    return { ...DEFAULT, ...(JSON.parse(localStorage.getItem(KEY) ?? '{}') as Partial<Preferences>) };
  } catch {
    return DEFAULT;
  }
}

let value = load();
const listeners = new Set<() => void>();

export function applyTheme(): void {
  if (value.theme === 'auto') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = value.theme;
}

export const preferences = {
  get: () => value,
  set(change: Partial<Preferences>) {
    value = { ...value, ...change };
    localStorage.setItem(KEY, JSON.stringify(value));
    applyTheme();
    listeners.forEach((listener) => listener());
  },
};

export function usePreferences(): Preferences {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, preferences.get);
}
