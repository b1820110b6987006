import {
  Ban, Check, CircleDashed, CircleHelp, CircleSlash, Clock, Eye, Hand, LoaderCircle, Pause, Pencil, ShieldAlert, Snowflake,
  TriangleAlert, X, type LucideIcon,
} from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { humanize } from './format';
import css from './State.module.css';

export type Tone = 'allow' | 'deny' | 'ask' | 'fault' | 'run' | 'idle' | 'accent';

/** Every state of anything, once: its tone and its icon. The word comes from `state.*`; colour never stands alone. */
const STATES: Record<string, [Tone, LucideIcon]> = {
  // decisions
  allow: ['allow', Check], deny: ['deny', Ban], ask: ['ask', Hand],
  // runs and steps
  idle: ['idle', CircleDashed], starting: ['run', LoaderCircle], running: ['run', LoaderCircle], waiting: ['ask', Hand],
  finished: ['allow', Check], done: ['allow', Check], ended: ['idle', Check], disabled: ['idle', Pause], started: ['allow', Check], repeated: ['idle', CircleDashed], refused: ['deny', Ban], limited: ['ask', Clock], stopped: ['idle', CircleSlash], stopping: ['idle', CircleSlash],
  paused: ['ask', Pause], skipped: ['idle', CircleDashed],
  // outcomes
  found: ['allow', Check], not_found: ['idle', CircleSlash], not_sent: ['idle', CircleSlash], unclear: ['fault', CircleHelp], approve: ['allow', Check],
  succeeded: ['allow', Check], failed: ['fault', TriangleAlert], denied: ['deny', Ban], rejected: ['deny', Ban],
  expired: ['idle', Clock], in_doubt: ['fault', CircleHelp],
  // approvals
  pending: ['ask', Hand], approved: ['allow', Check], withdrawn: ['idle', X],
  // connectors, tools and agents
  up: ['allow', Check], down: ['fault', TriangleAlert], healthy: ['allow', Check], unknown: ['idle', CircleDashed],
  pinned: ['allow', Check], quarantined: ['ask', ShieldAlert], frozen: ['deny', Snowflake], active: ['allow', Check],
  // effects
  read: ['idle', Eye], write: ['run', Pencil], irreversible: ['ask', TriangleAlert],
  // drafts and alerts
  draft: ['idle', Pencil], proposed: ['ask', Hand], activated: ['allow', Check], open: ['ask', TriangleAlert],
  acknowledged: ['run', Eye], closed: ['idle', Check], discarded: ['idle', X],
  low: ['idle', Check], medium: ['ask', TriangleAlert], high: ['deny', TriangleAlert], critical: ['deny', TriangleAlert],
  info: ['run', Eye], warning: ['ask', TriangleAlert],
};

const normal = (name: string) => name.replaceAll(' ', '_').replaceAll('-', '_').toLowerCase();

export const toneOf = (name: string): Tone => (STATES[normal(name)] ?? STATES['unknown']!)[0];
export const iconOf = (name: string): LucideIcon => (STATES[normal(name)] ?? STATES['unknown']!)[1];

/** A state as icon, word and colour. `quiet` is for the normal case in long lists, so that exceptions stand out. */
export function State({ name, quiet }: { name: string; quiet?: boolean }) {
  const { t } = useTranslation();
  const Icon = iconOf(name);
  const moving = name === 'running' || name === 'starting';
  return (
    <Pill tone={toneOf(name)} quiet={quiet} icon={<Icon aria-hidden className={moving ? 'spin' : undefined} />}>
      {t(`state.${normal(name)}`, { defaultValue: humanize(name) })}
    </Pill>
  );
}

type PillProps = { tone: Tone; icon?: ReactNode; quiet?: boolean; children: ReactNode; title?: string };

export function Pill({ tone, icon, quiet, children, title }: PillProps) {
  return (
    <span className={css.pill} data-tone={tone} data-quiet={quiet || undefined} title={title}>
      {icon}
      {children}
    </span>
  );
}

export function Tile({ tone, icon: Icon, size = 34 }: { tone: Tone; icon: LucideIcon; size?: number }) {
  return (
    <span className={css.tile} data-tone={tone} style={{ width: size, height: size }} aria-hidden>
      <Icon size={size / 2} strokeWidth={1.9} />
    </span>
  );
}
