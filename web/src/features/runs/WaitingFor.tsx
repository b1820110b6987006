import { useQuery } from '@tanstack/react-query';
import { CircleHelp, Clock, Hand, MessageCircleQuestion, Pause, Plug, Radio, type LucideIcon } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { answerTask, tasksQuery, type PersonTask, type Run, type Step, type Waiting } from '../../api/runs';
import type { AgentTool } from '../../api/agents';
import { useMay } from '../../app/session';
import { Button, ButtonLink } from '../../ui/Button';
import { JsonForm } from '../../ui/form/JsonForm';
import type { Schema } from '../../ui/form/schema';
import { humanize, relative } from '../../ui/format';
import { useNow } from '../../ui/useNow';
import { ReconcileForm } from './ReconcileForm';
import css from './Waiting.module.css';
import { asked, waitingInWords } from './words';

const ICONS: Record<Waiting['kind'], LucideIcon> = { approval: Hand, task: MessageCircleQuestion, timer: Clock, connector: Plug, in_doubt: CircleHelp, event: Radio, pause: Pause };

/** Who waits for whom, with the way to act for the one who can. */
export function WaitingFor({ run, steps, tools }: { run: Run; steps: Step[]; tools: AgentTool[] }) {
  const tasks = useQuery(tasksQuery).data?.filter((task) => task.run === run.id && task.state === 'open') ?? [];
  return (
    <>
      {run.waiting?.map((waiting) => <Card key={`${waiting.kind}:${waiting.id}`} waiting={waiting} sentence={waitingInWords(waiting, steps, tools)} task={tasks.find((task) => task.id === waiting.id)} />)}
    </>
  );
}

function Card({ waiting, sentence, task }: { waiting: Waiting; sentence: string; task: PersonTask | undefined }) {
  const { t } = useTranslation();
  const may = useMay();
  const now = useNow(15_000);
  const Icon = ICONS[waiting.kind];
  const who = (waiting.who ?? []).map((each) => (each.includes(':') ? humanize(each.replace(/^\w+:/, '')) : t(`role.${each.replaceAll('-', '_')}`, { defaultValue: humanize(each) })));
  return (
    <div className={css.card} data-kind={waiting.kind} role="status">
      <Icon size={18} aria-hidden />
      <div className="grow">
        <p className="strong">{task ? asked(task) : sentence}</p>
        <p className={css.sub}>
          {who.length > 0 && t('run.waitsFor', { who: who.join(', ') })} {waiting.until && t('run.until', { time: relative(waiting.until, now, 'long') })}
        </p>
        {task?.i_may_answer && <AnswerForm task={task} />}
        {waiting.kind === 'in_doubt' && may('reconcile') && <ReconcileForm callKey={waiting.id} />}
      </div>
      {waiting.kind === 'approval' && <ButtonLink small to="/approvals" search={{ id: waiting.id }}>{t('run.seeRequest')}</ButtonLink>}
    </div>
  );
}

function AnswerForm({ task }: { task: PersonTask }) {
  const { t } = useTranslation();
  const [busy, setBusy] = useState(false);
  const plain = (task.answer_schema as Schema).type !== 'object';
  const schema: Schema = plain
    ? { type: 'object', required: ['value'], properties: { value: { type: 'string', maxLength: 2000, ...(task.answer_schema as Schema), title: t('run.answerLabel') } } }
    : (task.answer_schema as Schema);
  const submit = async (value: Record<string, unknown>) => {
    setBusy(true);
    try {
      await answerTask(task.id, plain ? value['value'] : value);
    } finally {
      setBusy(false);
    }
  };
  return (
    <div className={css.form}>
      <JsonForm schema={schema} onSubmit={submit}><Button look="primary" type="submit" busy={busy}>{t('run.answerGo')}</Button></JsonForm>
    </div>
  );
}
