import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { connectLive, type LiveEvent, type LiveState } from './live';

/** Stands in for the browser's stream, so that a test can break it. */
class Stream extends EventTarget {
  static readonly CLOSED = 2;
  static all: Stream[] = [];
  readyState = 1;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  constructor(readonly url: string) { super(); Stream.all.push(this); }
  close() { this.readyState = 2; }
  say(kind: string, event: object) { this.dispatchEvent(new MessageEvent(kind, { data: JSON.stringify({ kind, id: '', state: '', run: '', tool: '', ...event }) })); }
}

/** One lock in one browser: the first holds it, the next waits its turn. */
function locks() {
  let queue = Promise.resolve();
  return { request: (_name: string, options: { signal: AbortSignal }, hold: () => Promise<void>) => (queue = queue.then(() => (options.signal.aborted ? undefined : hold()))) };
}

function tab() {
  const events: LiveEvent[] = [];
  const states: LiveState[] = [];
  const close = connectLive({ onEvent: (event) => events.push(event), onState: (state) => states.push(state) });
  return { events, states, close };
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 20));

beforeEach(() => {
  Stream.all = [];
  vi.stubGlobal('EventSource', Stream);
  Object.defineProperty(navigator, 'locks', { value: locks(), configurable: true });
});
afterEach(async () => {
  await soon(); // what one test's tabs said must not reach the next test's
  vi.unstubAllGlobals();
});

test('two tabs share one stream, and both hear of it', async () => {
  const [one, two] = [tab(), tab()];
  await soon();
  expect(Stream.all).toHaveLength(1);
  Stream.all[0]!.onopen?.();
  Stream.all[0]!.say('run', { id: 'run_1' });
  await soon();
  expect(one.events.map((event) => event.id)).toEqual(['run_1']);
  expect(two.events.map((event) => event.id)).toEqual(['run_1']);
  expect(two.states).toEqual(['live']);
  one.close();
  two.close();
});

test('when the leading tab goes, the next takes over and says that there may be a gap', async () => {
  const [one, two] = [tab(), tab()];
  await soon();
  Stream.all[0]!.onopen?.();
  await soon();
  one.close();
  await soon();
  expect(Stream.all).toHaveLength(2);
  Stream.all[1]!.onopen?.();
  expect(two.states).toEqual(['live', 'stale', 'live']);
  two.close();
});

test('a broken stream is stale until it is open again', async () => {
  const one = tab();
  await soon();
  Stream.all[0]!.onopen?.();
  Stream.all[0]!.onerror?.();
  Stream.all[0]!.onopen?.();
  expect(one.states).toEqual(['live', 'stale', 'live']);
  one.close();
});
