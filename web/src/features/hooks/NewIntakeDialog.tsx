import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { agentsQuery } from '../../api/agents';
import { createIntake, intakeToolsQuery } from '../../api/intakes';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Inline } from '../../ui/Feedback';
import { SelectField, TextField } from '../../ui/Field';
import { defaultsOf, type Schema } from '../../ui/form/schema';
import { toast } from '../../ui/toast';
import css from './Hooks.module.css';
import { mappingOf, type Places } from './mapping';
import { MappingFields } from './MappingFields';
import { argumentsOf, everySeconds, problemsOf, type Reading } from './reading';
import { ReadingFields } from './ReadingFields';
import { useAct } from './useAct';

type From = 'end' | '';

/** Which tool is read and how often, which agent a message starts, and what it makes of it. The server reads once before it is made. */
export function NewIntakeDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const agents = (useQuery(agentsQuery).data ?? []).filter((each) => each.i_may_start);
  const found = useQuery(intakeToolsQuery);
  const tools = found.data ?? [];
  const act = useAct();
  const [name, setName] = useState('');
  const [agent, setAgent] = useState('');
  const [chosen, setChosen] = useState('');
  const [from, setFrom] = useState<From>('end');
  const [seconds, setSeconds] = useState('60');
  const [given, setGiven] = useState<Reading['arguments'] | null>(null);
  const [places, setPlaces] = useState<Places>({});
  const tool = tools.find((each) => each.name === (chosen || (tools.length === 1 && tools[0]!.name)));
  const schema = tool?.input_schema as Schema | undefined;
  const reading: Reading = { arguments: given ?? (schema ? (defaultsOf(schema, schema) as Reading['arguments'] | undefined) ?? {} : {}), seconds };
  const create = () => act.go(async () => {
    await createIntake({
      name: name.trim(), agent, tool: tool!.name, arguments: argumentsOf(reading), mapping: mappingOf(places), every_seconds: everySeconds(reading), principal: '', after: from,
    });
    toast(t('hooks.intakeMade'));
    onClose();
  }, problemsOf(reading, tool));
  return (
    <Dialog open onClose={onClose} title={t('hooks.newIntake')} width={600} footer={
      <>
        <Button onClick={onClose}>{t('common.cancel')}</Button>
        <Button look="primary" busy={act.busy} disabled={!name.trim() || !agent || !tool} onClick={() => void create()}>{t('hooks.create')}</Button>
      </>
    }>
      <div className={css.fields} ref={act.form}>
        <TextField label={t('hooks.name')} required maxLength={100} error={act.errors['name']} value={name} onChange={(event) => setName(event.target.value)} />
        <div className={css.two}>
          <SelectField label={t('hooks.reads')} required empty={chosen || tools.length === 1 ? undefined : ''} hint={found.isSuccess && tools.length === 0 ? t('hooks.noTools') : undefined} error={act.errors['tool']}
            options={tools.map((each) => ({ value: each.name, label: each.name }))} value={tool?.name ?? ''} onChange={(event) => { setChosen(event.target.value); setGiven(null); }} />
          <SelectField label={t('hooks.from')} options={[{ value: 'end', label: t('hooks.fromNow') }, { value: '', label: t('hooks.fromAll') }]} value={from} onChange={(event) => setFrom(event.target.value as From)} />
        </div>
        <ReadingFields tool={tool} reading={reading} errors={act.errors} onChange={(next) => { setSeconds(next.seconds); setGiven(next.arguments); }}>
          <SelectField label={t('hooks.starts')} required empty="" error={act.errors['agent']} options={agents.map((each) => ({ value: each.name, label: each.title }))} value={agent} onChange={(event) => { setAgent(event.target.value); setPlaces({}); }} />
        </ReadingFields>
        <MappingFields key={agent} agent={agent} places={places} errors={act.errors} known={tool?.message_fields} onChange={setPlaces} />
        <p className="xs muted">{t('hooks.readText')}</p>
        <Inline error={act.error ?? found.error} />
      </div>
    </Dialog>
  );
}
