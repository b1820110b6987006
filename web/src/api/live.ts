/** One live stream a browser, not one a tab.
 *
 * A browser opens six connections to a host over HTTP/1.1, so a stream in each tab starves the seventh. The tab that
 * holds a Web Lock keeps the stream and passes events on; when it closes, another takes the lock, and all tabs load anew
 * what they show. A stream that breaks is resumed by the browser with Last-Event-ID. Live events are hints to load anew: they are never evidence, and nothing is decided from them.
 */
import type { Schemas } from './client';

export type LiveEvent = Schemas['LiveEvent'];
export type LiveState = 'connecting' | 'live' | 'stale';
type Message = { kind: 'event'; event: LiveEvent } | { kind: 'state'; state: LiveState } | { kind: 'hello' };

const CHANNEL = 'chargehand.live';
export const KINDS = ['counts', 'run', 'approval', 'mandate', 'freeze', 'alert', 'policy', 'connector', 'call', 'task', 'reset'] as const;

type Handlers = { onEvent: (event: LiveEvent) => void; onState: (state: LiveState) => void };

/** Follow the stream until the returned function is called. */
export function connectLive({ onEvent, onState }: Handlers): () => void {
  const channel = new BroadcastChannel(CHANNEL);
  const ended = new AbortController();
  let source: EventSource | null = null;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let leading = false;
  let state: LiveState = 'connecting';

  const receive = (message: Message) => {
    if (message.kind === 'event') onEvent(message.event);
    else if (message.kind === 'state') {
      if (message.state !== state) onState((state = message.state));
    } else if (leading && state !== 'connecting') channel.postMessage({ kind: 'state', state } satisfies Message);
  };
  const emit = (message: Message) => {
    receive(message);
    channel.postMessage(message);
  };
  channel.onmessage = (event: MessageEvent<Message>) => receive(event.data);

  const open = () => {
    source = new EventSource('/api/live');
    source.onopen = () => emit({ kind: 'state', state: 'live' });
    source.onerror = () => {
      emit({ kind: 'state', state: 'stale' });
      // The browser retries a broken stream by itself, but gives up when the answer was an error.
      if (source?.readyState === EventSource.CLOSED) {
        clearTimeout(retry);
        retry = setTimeout(open, 3000);
      }
    };
    for (const kind of KINDS) {
      source.addEventListener(kind, (event) => {
        const message = event as MessageEvent<string>;
        emit({ kind: 'event', event: JSON.parse(message.data) as LiveEvent });
      });
    }
  };
  const lead = () => {
    leading = true;
    if (state !== 'connecting') emit({ kind: 'state', state: 'stale' }); // taken over: there may be a gap
    open();
    return new Promise<void>((resolve) => ended.signal.addEventListener('abort', () => resolve()));
  };
  if (navigator.locks) {
    void navigator.locks.request(CHANNEL, { signal: ended.signal }, lead).catch(() => undefined);
    channel.postMessage({ kind: 'hello' } satisfies Message);
  } else {
    void lead();
  }
  return () => {
    ended.abort();
    clearTimeout(retry);
    source?.close();
    channel.close();
  };
}
