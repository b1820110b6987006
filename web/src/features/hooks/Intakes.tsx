import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Ellipsis, Pause, Pencil, Play } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { agentsQuery } from '../../api/agents';
import { changeIntake, intakesQuery, turnIntake, type Intake } from '../../api/intakes';
import { IconButton } from '../../ui/Button';
import { TextField } from '../../ui/Field';
import { humanize } from '../../ui/format';
import { Menu } from '../../ui/Menu';
import { toastProblem } from '../../ui/problem';
import { State } from '../../ui/State';
import { Table } from '../../ui/Table';
import { Time } from '../../ui/Time';
import { EditDialog } from './EditDialog';
import css from './Hooks.module.css';

/** Messages that a connector offers, each of which starts an agent. Made by the command line; nothing where there are none. */
export function Intakes() {
  const { t } = useTranslation();
  const intakes = useQuery(intakesQuery).data ?? [];
  const agents = useQuery(agentsQuery).data ?? [];
  const [editing, setEditing] = useState<Intake | null>(null);
  const turn = async (intake: Intake, to: 'pause' | 'resume') => {
    try {
      await turnIntake(intake.id, to);
    } catch (problem) {
      toastProblem(problem);
    }
  };
  if (intakes.length === 0) return null;
  return (
    <section className="col" aria-label={t('hooks.intakes')}>
      <h2 className="heading">{t('hooks.intakes')}</h2>
      <Table<Intake> flush label={t('hooks.intakes')} rows={intakes} rowKey={(intake) => intake.id} columns={[
        { id: 'name', head: t('hooks.name'), main: true, cell: (intake) => <span className={css.what}><span>{intake.name}</span><code className="mono xs muted break">{intake.tool}</code></span> },
        { id: 'agent', head: t('hooks.starts'), cell: (intake) => agents.find((agent) => agent.name === intake.agent)?.title ?? humanize(intake.agent) },
        { id: 'last', head: t('schedules.last'), wide: true, cell: (intake) => <Last intake={intake} /> },
        { id: 'state', head: t('runs.state'), cell: (intake) => <State name={intake.state} quiet={intake.state === 'active'} /> },
        { id: 'acts', head: t('common.more'), hideHead: true, end: true, cell: (intake) => (
          <Menu label={intake.name} trigger={(props) => <IconButton label={t('hooks.acts', { what: intake.name })} {...props}><Ellipsis size={16} aria-hidden /></IconButton>} items={[
            ...(intake.i_may_edit ? [{ label: t('schedules.edit'), icon: <Pencil />, onSelect: () => setEditing(intake) }] : []),
            intake.state === 'active'
              ? { label: t('run.pause'), icon: <Pause />, onSelect: () => void turn(intake, 'pause') }
              : { label: t('run.resume'), icon: <Play />, onSelect: () => void turn(intake, 'resume') },
          ]} />
        ) },
      ]} />
      {editing && <EditIntake intake={editing} onClose={() => setEditing(null)} />}
    </section>
  );
}

/** What the last read brought: a run, or why there is none. */
function Last({ intake }: { intake: Intake }) {
  const { t } = useTranslation();
  if (!intake.last_at) return <span className="muted">{t('schedules.notYet')}</span>;
  return (
    <span className={css.what}>
      {intake.last_run ? <Link className="link" to="/runs/$run" params={{ run: intake.last_run }}><Time at={intake.last_at} as="relative" /></Link> : <Time at={intake.last_at} as="relative" />}
      {intake.last_problem && <span className="xs muted break">{intake.last_problem}</span>}
    </span>
  );
}

const [LEAST_SECONDS, MOST_SECONDS] = [5, 86_400];
const shown = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));

/** An argument as it was written: text where it was text, else JSON. Raises SyntaxError. */
const argument = (was: unknown, text: string): unknown => (typeof was === 'string' ? text : JSON.parse(text));

function EditIntake({ intake, onClose }: { intake: Intake; onClose: () => void }) {
  const { t } = useTranslation();
  const [texts, setTexts] = useState(() => Object.fromEntries(Object.entries(intake.arguments).map(([name, value]) => [name, shown(value)])));
  const [seconds, setSeconds] = useState(String(intake.every_seconds));
  const save = async (change: { name: string; mapping: Record<string, string> }) => {
    const given = Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, argument(intake.arguments[name], text)]));
    await changeIntake(intake.id, { ...change, arguments: given, every_seconds: Number(seconds) });
  };
  return (
    <EditDialog of={intake} text={t('hooks.intakeText')} save={save} onClose={onClose}>
      <div className={css.two}>
        {Object.entries(texts).map(([name, text]) => <TextField key={name} label={`${intake.tool}: ${name}`} spellCheck={false} value={text} onChange={(event) => setTexts({ ...texts, [name]: event.target.value })} />)}
        <TextField label={t('hooks.every')} type="number" min={LEAST_SECONDS} max={MOST_SECONDS} value={seconds} onChange={(event) => setSeconds(event.target.value)} />
      </div>
    </EditDialog>
  );
}
