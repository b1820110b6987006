import { CLOCK, FULL, date, relative } from './format';
import { useNow } from './useNow';

type TimeProps = { at: string; as?: 'relative' | 'clock' | 'moment' };

/** A moment as people say it, with the exact one on hover and for machines. */
export function Time({ at, as = 'moment' }: TimeProps) {
  const now = useNow(as === 'relative' ? 15_000 : 3_600_000);
  const text = as === 'relative' ? relative(at, now) : date(at, as === 'clock' ? CLOCK : undefined);
  return <time dateTime={at} title={date(at, FULL)} className="num nowrap">{text}</time>;
}
