import { useEffect, useSyncExternalStore } from 'react';
import { queries, type Schemas } from './client';
import { connectLive, type LiveState } from './live';
import { renew } from './renew';

type Live = { state: LiveState; since: number; counts: Schemas['Counts'] | null };

let live: Live = { state: 'connecting', since: Date.now(), counts: null };
const listeners = new Set<() => void>();
const set = (change: Partial<Live>) => {
  live = { ...live, ...change };
  listeners.forEach((listener) => listener());
};

/** Keeps the page fed while it is mounted; once a page. After an interruption everything shown is loaded anew. */
export function useConnectLive(): void {
  useEffect(() => connectLive({
    onEvent: (event) => {
      if (event.counts) set({ counts: event.counts });
      renew(event);
    },
    onState: (state) => {
      if (state === live.state) return;
      if (state === 'live' && live.state === 'stale') void queries.invalidateQueries();
      set({ state, since: Date.now() });
    },
  }), []);
}

export function useLive(): Live {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, () => live);
}
