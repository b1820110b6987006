import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { agentQuery, agentsQuery } from '../../api/agents';
import { createHook, tryMapping, type HookWithSecret } from '../../api/hooks';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Inline } from '../../ui/Feedback';
import { SelectField, TextArea, TextField } from '../../ui/Field';
import { resolve, titleOf, type Schema } from '../../ui/form/schema';
import { Json } from '../../ui/Json';
import css from './Hooks.module.css';

type Scheme = 'standard' | 'github';

/** A name, an agent, and where in a message each of its input fields stands; tried on a sample before it is made. */
export function NewHookDialog({ onClose, onMade }: { onClose: () => void; onMade: (hook: HookWithSecret) => void }) {
  const { t } = useTranslation();
  const agents = (useQuery(agentsQuery).data ?? []).filter((each) => each.i_may_start);
  const [name, setName] = useState('');
  const [agent, setAgent] = useState('');
  const [scheme, setScheme] = useState<Scheme>('standard');
  const [places, setPlaces] = useState<Record<string, string>>({});
  const [sample, setSample] = useState('');
  const [tried, setTried] = useState<unknown>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const schema = useQuery({ ...agentQuery(agent), enabled: agent !== '' }).data?.input_schema as Schema | undefined;
  const fields = Object.entries((schema && resolve(schema, schema).properties) ?? {});
  const mapping = Object.fromEntries(Object.entries(places).map(([field, place]) => [field, place.trim()]).filter(([, place]) => place));
  const attempt = async (what: () => Promise<void>) => {
    setBusy(true);
    setError(null);
    try {
      await what();
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} title={t('hooks.new')} width={600} footer={
      <>
        <Button onClick={onClose}>{t('common.cancel')}</Button>
        <Button look="primary" busy={busy} disabled={!name.trim() || !agent} onClick={() => void attempt(async () => onMade(await createHook({ name: name.trim(), agent, mapping, scheme, principal: '' })))}>{t('hooks.create')}</Button>
      </>
    }>
      <div className={css.fields}>
        <TextField label={t('hooks.name')} required maxLength={100} value={name} onChange={(event) => setName(event.target.value)} />
        <div className={css.two}>
          <SelectField label={t('hooks.starts')} required empty="" options={agents.map((each) => ({ value: each.name, label: each.title }))} value={agent} onChange={(event) => { setAgent(event.target.value); setPlaces({}); setTried(null); }} />
          <SelectField label={t('hooks.scheme')} options={[{ value: 'standard', label: 'Standard Webhooks' }, { value: 'github', label: 'GitHub (X-Hub-Signature-256)' }]} value={scheme} onChange={(event) => setScheme(event.target.value as Scheme)} />
        </div>
        {fields.length > 0 && (
          <fieldset className={css.places}>
            <legend className="heading">{t('hooks.mapping')}</legend>
            <p className="xs muted">{t('hooks.mappingText')}</p>
            <div className={css.two}>{fields.map(([field, each]) => <TextField key={field} label={titleOf(resolve(each, schema!), field)} placeholder={field} spellCheck={false} value={places[field] ?? ''} onChange={(event) => setPlaces({ ...places, [field]: event.target.value })} />)}</div>
            <TextArea label={t('hooks.sample')} rows={3} spellCheck={false} value={sample} onChange={(event) => setSample(event.target.value)} />
            <div><Button small busy={busy} disabled={!sample.trim()} onClick={() => void attempt(async () => setTried((await tryMapping({ agent, mapping, message: sample })).input))}>{t('hooks.try')}</Button></div>
            {tried !== null && <Json label={t('hooks.becomes')} value={tried} />}
          </fieldset>
        )}
        <p className="xs muted">{t('hooks.behalfText')}</p>
        <Inline error={error} />
      </div>
    </Dialog>
  );
}
