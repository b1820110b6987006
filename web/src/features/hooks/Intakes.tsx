import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Ellipsis, Pause, Pencil, Play, Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { agentsQuery } from '../../api/agents';
import { changeIntake, deleteIntake, intakesQuery, intakeToolsQuery, turnIntake, type Intake } from '../../api/intakes';
import { useMay } from '../../app/session';
import { Button, IconButton } from '../../ui/Button';
import { DeleteDialog } from '../../ui/DeleteDialog';
import { Inline } from '../../ui/Feedback';
import { humanize } from '../../ui/format';
import { Menu } from '../../ui/Menu';
import { toastProblem } from '../../ui/problem';
import { State } from '../../ui/State';
import { Table } from '../../ui/Table';
import { Time } from '../../ui/Time';
import { Words } from '../../ui/Words';
import { EditDialog } from './EditDialog';
import css from './Hooks.module.css';
import { NewIntakeDialog } from './NewIntakeDialog';
import { argumentsOf, everySeconds, problemsOf, type Reading } from './reading';
import { ReadingFields } from './ReadingFields';

/** Messages that a connector offers, each of which starts an agent. Nothing where there are none and none may be made. */
export function Intakes() {
  const { t } = useTranslation();
  const { data: intakes = [], error, isSuccess } = useQuery(intakesQuery);
  const agents = useQuery(agentsQuery).data ?? [];
  const mayMake = useMay()('manage_hooks');
  const [making, setMaking] = useState(false);
  const [editing, setEditing] = useState<Intake | null>(null);
  const [leaving, setLeaving] = useState<Intake | null>(null);
  const turn = async (intake: Intake, to: 'pause' | 'resume') => {
    try {
      await turnIntake(intake.id, to);
    } catch (problem) {
      toastProblem(problem);
    }
  };
  if (intakes.length === 0 && !mayMake) return null;
  const add = mayMake && <Button small icon={<Plus size={14} aria-hidden />} onClick={() => setMaking(true)}>{t('hooks.newIntake')}</Button>;
  return (
    <section className={css.intakes} aria-label={t('hooks.intakes')}>
      <div className={css.head}>
        <span>
          <h2 className="heading">{t('hooks.intakes')}</h2>
          {isSuccess && intakes.length === 0 && <p className="sm muted">{t('hooks.noIntakes')}</p>}
          <Inline error={error} />
        </span>
        {add}
      </div>
      {intakes.length > 0 && <Table<Intake> flush label={t('hooks.intakes')} rows={intakes} rowKey={(intake) => intake.id} columns={[
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
            { label: t('common.delete'), icon: <Trash2 />, danger: true, onSelect: () => setLeaving(intake) },
          ]} />
        ) },
      ]} />}
      {making && <NewIntakeDialog onClose={() => setMaking(false)} />}
      {leaving && <DeleteDialog title={t('hooks.deleteTitle', { what: leaving.name })} text={t('schedules.deleteText')} remove={() => deleteIntake(leaving.id)} onClose={() => setLeaving(null)} />}
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
      {intake.last_problem && <span className="xs muted break"><Words text={intake.last_problem} /></span>}
    </span>
  );
}

function EditIntake({ intake, onClose }: { intake: Intake; onClose: () => void }) {
  const tool = useQuery(intakeToolsQuery).data?.find((each) => each.name === intake.tool);
  const { t } = useTranslation();
  const [reading, setReading] = useState<Reading>({ arguments: intake.arguments, seconds: String(intake.every_seconds) });
  const save = (change: { name: string; mapping: Record<string, string> }) =>
    changeIntake(intake.id, { ...change, every_seconds: everySeconds(reading), ...(tool && { arguments: argumentsOf(reading) }) });
  return (
    <EditDialog of={intake} text={t('hooks.intakeText')} save={save} check={() => problemsOf(reading, tool)} known={tool?.message_fields} onClose={onClose}>
      {(errors) => <ReadingFields tool={tool} reading={reading} errors={errors} onChange={setReading} />}
    </EditDialog>
  );
}
