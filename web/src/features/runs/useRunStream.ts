import { useEffect, useState } from 'react';
import { queries } from '../../api/client';
import { runKeys, type Run, type RunEvent, type RunText, type Step } from '../../api/runs';
import { applyText } from './texts';
import { isOpen } from './words';

/** Newer news of a step takes the place of older; a step is known by the event that opened it. */
export function mergeStep(steps: readonly Step[] | undefined, step: Step): Step[] {
  const known = (steps ?? []).find((each) => each.seq === step.seq);
  const rest = (steps ?? []).filter((each) => each.seq !== step.seq);
  return [...rest, { ...step, text: step.text ?? known?.text ?? null }].sort((a, b) => a.seq - b.seq);
}

export function applyEvent(event: RunEvent): void {
  queries.setQueryData<Run>(runKeys.one(event.run), (run) => run && { ...run, state: event.state, nodes: event.nodes, waiting: event.waiting, result: event.result ?? run.result });
  if (event.step) {
    const step = event.step;
    queries.setQueryData<Step[]>(runKeys.steps(event.run), (steps) => steps && mergeStep(steps, step));
  }
  if (!isOpen(event.state)) void queries.invalidateQueries({ queryKey: runKeys.one(event.run) });
}

/** Follows one run while this tab is in sight; hidden tabs give their connection back. True while it is followed. */
export function useRunStream(run: string, open: boolean): boolean {
  const [live, setLive] = useState(false);
  useEffect(() => {
    if (!open) return;
    let source: EventSource | null = null;
    let retry: ReturnType<typeof setTimeout> | undefined;
    const close = () => {
      source?.close();
      source = null;
      clearTimeout(retry);
      setLive(false);
    };
    const connect = () => {
      if (source || document.hidden) return;
      source = new EventSource(`/api/runs/${encodeURIComponent(run)}/events`);
      source.onopen = () => setLive(true);
      source.addEventListener('run', (message) => {
        const event = JSON.parse((message as MessageEvent<string>).data) as RunEvent;
        applyEvent(event);
        if (!isOpen(event.state)) close();
      });
      source.addEventListener('text', (message) => applyText(JSON.parse((message as MessageEvent<string>).data) as RunText));
      source.onerror = () => {
        setLive(false);
        if (source?.readyState !== EventSource.CLOSED) return;
        close();
        retry = setTimeout(connect, 3000);
      };
    };
    const onVisible = () => {
      if (document.hidden) return close();
      connect();
      void queries.invalidateQueries({ queryKey: runKeys.one(run) });
      void queries.invalidateQueries({ queryKey: runKeys.steps(run) });
    };
    connect();
    document.addEventListener('visibilitychange', onVisible);
    return () => {
      document.removeEventListener('visibilitychange', onVisible);
      close();
    };
  }, [run, open]);
  return live;
}
