/** The rules that keep a hurried finger from approving something it did not read. Pure, so that they can be tested. */

/** Keys are ignored so long after an item came into sight: a new item may have slid under the finger. */
export const SETTLE_MS = 600;

/** A verdict on a high risk given faster than this is flagged by the server; the page measures the time. */
export type Shown = { digest: string; at: number };

export type Guarded = { risk: 'low' | 'medium' | 'high'; effect: 'read' | 'write' | 'irreversible'; state: string; i_may_answer: boolean; i_may_only_deny?: boolean; digest: string };

export type Step = 'ignore' | 'confirm' | 'send';

/** What a press of approve or deny does now.
 *
 * Only a high risk that can't be undone asks once more, and a second press of the same key is no answer to that: the
 * confirmation has a button of its own.
 */
export function nextStep(approve: boolean, item: Guarded | undefined, shown: Shown | null, now: number, asking: boolean): Step {
  if (!item || item.state !== 'pending' || !item.i_may_answer || !shown) return 'ignore';
  if (shown.digest !== item.digest || now - shown.at < SETTLE_MS) return 'ignore';
  if (!approve) return 'send';
  if (asking || item.i_may_only_deny) return 'ignore';
  return item.risk === 'high' && item.effect === 'irreversible' ? 'confirm' : 'send';
}

/** Several at once: only what the server calls equal and of low risk. */
export function canBatch(items: readonly { batch?: string; risk: string; i_may_answer: boolean }[]): boolean {
  const batches = new Set(items.map((item) => item.batch ?? ''));
  return items.length > 0 && batches.size === 1 && !batches.has('') && items.every((item) => item.risk === 'low' && item.i_may_answer);
}

export const selectable = (item: { batch?: string; risk: string; i_may_answer: boolean }) => canBatch([item]);
