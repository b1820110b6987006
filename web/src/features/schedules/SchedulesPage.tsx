import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { CalendarClock, CalendarPlus, Ellipsis, Pause, Pencil, Play, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { agentsQuery } from '../../api/agents';
import { deleteSchedule, schedulesQuery, turnSchedule, type Schedule } from '../../api/schedules';
import { ButtonLink, IconButton } from '../../ui/Button';
import { cronInWords } from '../../ui/cron';
import { DeleteDialog } from '../../ui/DeleteDialog';
import { Empty, Failed, SkeletonRows } from '../../ui/Feedback';
import { humanize } from '../../ui/format';
import { Menu } from '../../ui/Menu';
import { Page } from '../../ui/Page';
import { Person } from '../../ui/Person';
import { toastProblem } from '../../ui/problem';
import { State } from '../../ui/State';
import { Table } from '../../ui/Table';
import { Time } from '../../ui/Time';
import { Words } from '../../ui/Words';
import { EditDialog } from './EditDialog';
import { zone } from './plan';
import css from './Schedules.module.css';

export function SchedulesPage() {
  const { t } = useTranslation();
  const schedules = useQuery(schedulesQuery);
  const mayStart = useQuery(agentsQuery).data?.some((agent) => agent.i_may_start) ?? false;
  const add = mayStart && <ButtonLink to="/start" look="primary" icon={<CalendarPlus size={14} aria-hidden />}>{t('schedules.new')}</ButtonLink>;
  return (
    <Page name={t('nav.schedules')} title={t('nav.schedules')} actions={add}>
      {schedules.isError ? <Failed error={schedules.error} onRetry={() => void schedules.refetch()} />
        : schedules.isPending ? <SkeletonRows rows={6} />
        : schedules.data.length === 0 ? <Empty icon={CalendarClock} title={t('schedules.none')} text={t('schedules.noneText')}>{add}</Empty>
        : <ScheduleTable rows={schedules.data} />}
    </Page>
  );
}

function ScheduleTable({ rows }: { rows: Schedule[] }) {
  const { t } = useTranslation();
  const agents = useQuery(agentsQuery).data ?? [];
  const [leaving, setLeaving] = useState<Schedule | null>(null);
  const [editing, setEditing] = useState<Schedule | null>(null);
  const title = (each: Schedule) => agents.find((agent) => agent.name === each.agent)?.title ?? humanize(each.agent);
  return (
    <>
      <Table<Schedule> flush label={t('nav.schedules')} rows={rows} rowKey={(each) => each.id} columns={[
        { id: 'what', head: t('runs.workflow'), main: true, cell: (each) => <span className={css.what}><Link to="/start/$agent" params={{ agent: each.agent }}>{title(each)}</Link><span className="xs muted trunc">{outline(each.input)}</span></span> },
        { id: 'when', head: t('schedules.when'), cell: (each) => <When schedule={each} /> },
        { id: 'next', head: t('schedules.next'), wide: true, cell: (each) => (each.next_at ? <Time at={each.next_at} as="relative" /> : '–') },
        { id: 'last', head: t('schedules.last'), wide: true, cell: (each) => <Last schedule={each} /> },
        { id: 'who', head: t('runs.startedBy'), wide: true, cell: (each) => <Person id={each.principal} name={each.principal_name} small /> },
        { id: 'state', head: t('runs.state'), cell: (each) => <State name={each.state} quiet={each.state === 'active'} /> },
        { id: 'acts', head: t('common.more'), hideHead: true, end: true, cell: (each) => each.i_may_change && <Acts schedule={each} title={title(each)} onEdit={() => setEditing(each)} onDelete={() => setLeaving(each)} /> },
      ]} />
      {leaving && <DeleteDialog title={t('schedules.deleteTitle', { what: title(leaving) })} text={t('schedules.deleteText')} remove={() => deleteSchedule(leaving.id)} onClose={() => setLeaving(null)} />}
      {editing && <EditDialog schedule={editing} onClose={() => setEditing(null)} />}
    </>
  );
}

/** The plain values of an input, to tell one schedule from another. */
const outline = (input: Record<string, unknown>) => Object.values(input).filter((value) => ['string', 'number'].includes(typeof value)).map(String).reverse().join(' · ');

function When({ schedule }: { schedule: Schedule }) {
  const soon = schedule.next_at && <span className="xs muted phone-only"><Time at={schedule.next_at} as="relative" /></span>;
  if (schedule.at) return <span className={css.last}><Time at={schedule.at} />{soon}</span>;
  return (
    <span className={css.last}>
      <span>{cronInWords(schedule.cron) ?? schedule.words}</span>
      {schedule.time_zone !== zone() && <span className="xs muted">{schedule.time_zone}</span>}
      {soon}
    </span>
  );
}

/** What its last due time brought: a run, or why there is none. */
function Last({ schedule }: { schedule: Schedule }) {
  const { t } = useTranslation();
  if (!schedule.last_due) return <span className="muted">{t('schedules.notYet')}</span>;
  return (
    <span className={css.last}>
      {schedule.last_run ? <Link className="link" to="/runs/$run" params={{ run: schedule.last_run }}><Time at={schedule.last_due} as="relative" /></Link> : <Time at={schedule.last_due} as="relative" />}
      {schedule.runs > 1 && <span className="xs muted">{t('schedules.runsSoFar', { count: schedule.runs })}</span>}
      {schedule.last_problem && <span className={css.problem}><Words text={schedule.last_problem} /></span>}
    </span>
  );
}

function Acts({ schedule, title, onEdit, onDelete }: { schedule: Schedule; title: string; onEdit: () => void; onDelete: () => void }) {
  const { t } = useTranslation();
  const turn = async (to: 'pause' | 'resume') => {
    try {
      await turnSchedule(schedule.id, to);
    } catch (problem) {
      toastProblem(problem);
    }
  };
  const label = t('schedules.acts', { what: title });
  return (
    <Menu label={label} items={[
      ...(schedule.state === 'active' ? [{ label: t('run.pause'), icon: <Pause />, onSelect: () => void turn('pause') }] : []),
      ...(schedule.state === 'paused' ? [{ label: t('run.resume'), icon: <Play />, onSelect: () => void turn('resume') }] : []),
      ...(schedule.i_may_edit && schedule.state !== 'ended' ? [{ label: t('schedules.edit'), icon: <Pencil />, onSelect: onEdit }] : []),
      { label: t('common.delete'), icon: <Trash2 />, danger: true, onSelect: onDelete },
    ]} trigger={(props) => <IconButton label={label} {...props}><Ellipsis size={16} aria-hidden /></IconButton>} />
  );
}
