import { Check, CircleSlash } from 'lucide-react';
import type { RunSummary } from '../../api/runs';
import { inLanguage } from '../../i18n/said';
import { HeldUpMark } from './HeldUp';
import { Pill, State } from '../../ui/State';

/** Where a run stands; of one that succeeded, what came of it: ending well is not yet having done what was wanted. */
export function RunState({ run, quiet }: { run: Pick<RunSummary, 'state' | 'ending' | 'held_up'>; quiet?: boolean }) {
  if (run.held_up) return <HeldUpMark kind={run.held_up.kind} />;
  const ending = run.state === 'succeeded' ? run.ending : null;
  if (!ending) return <State name={run.state} quiet={quiet && run.state === 'succeeded'} />;
  const Icon = ending.done ? Check : CircleSlash;
  return <Pill tone={ending.done ? 'allow' : 'idle'} quiet={quiet && ending.done} icon={<Icon aria-hidden />}>{inLanguage(ending.words)}</Pill>;
}
