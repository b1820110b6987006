import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { agentsQuery } from '../../api/agents';
import { createHook, type HookWithSecret } from '../../api/hooks';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Inline } from '../../ui/Feedback';
import { SelectField, TextField } from '../../ui/Field';
import css from './Hooks.module.css';
import { mappingOf, type Places } from './mapping';
import { MappingFields } from './MappingFields';
import { useAct } from './useAct';

type Scheme = 'standard' | 'github';

/** A name, an agent, and where in a message each of its input fields stands; tried on a sample before it is made. */
export function NewHookDialog({ onClose, onMade }: { onClose: () => void; onMade: (hook: HookWithSecret) => void }) {
  const { t } = useTranslation();
  const agents = (useQuery(agentsQuery).data ?? []).filter((each) => each.i_may_start);
  const [name, setName] = useState('');
  const [agent, setAgent] = useState('');
  const [scheme, setScheme] = useState<Scheme>('standard');
  const [places, setPlaces] = useState<Places>({});
  const act = useAct();
  const create = () => act.go(async () => onMade(await createHook({ name: name.trim(), agent, mapping: mappingOf(places), scheme, principal: '' })));
  return (
    <Dialog open onClose={onClose} title={t('hooks.new')} width={600} footer={
      <>
        <Button onClick={onClose}>{t('common.cancel')}</Button>
        <Button look="primary" busy={act.busy} disabled={!name.trim() || !agent} onClick={() => void create()}>{t('hooks.create')}</Button>
      </>
    }>
      <div className={css.fields} ref={act.form}>
        <TextField label={t('hooks.name')} required maxLength={100} error={act.errors['name']} value={name} onChange={(event) => setName(event.target.value)} />
        <div className={css.two}>
          <SelectField label={t('hooks.starts')} required empty="" options={agents.map((each) => ({ value: each.name, label: each.title }))} value={agent} onChange={(event) => { setAgent(event.target.value); setPlaces({}); }} />
          <SelectField label={t('hooks.scheme')} options={[{ value: 'standard', label: 'Standard Webhooks' }, { value: 'github', label: 'GitHub (X-Hub-Signature-256)' }]} value={scheme} onChange={(event) => setScheme(event.target.value as Scheme)} />
        </div>
        <MappingFields key={agent} agent={agent} places={places} errors={act.errors} onChange={setPlaces} />
        <p className="xs muted">{t('hooks.behalfText')}</p>
        <Inline error={act.error} />
      </div>
    </Dialog>
  );
}
