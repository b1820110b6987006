import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { agentQuery } from '../../api/agents';
import { tryMapping } from '../../api/hooks';
import { Button } from '../../ui/Button';
import { Inline } from '../../ui/Feedback';
import { TextArea, TextField } from '../../ui/Field';
import { resolve, titleOf, type Schema } from '../../ui/form/schema';
import type { Errors } from '../../ui/form/validate';
import { Json } from '../../ui/Json';
import css from './Hooks.module.css';
import { mappingOf, type Places } from './mapping';

type MappingFieldsProps = { agent: string; places: Places; errors?: Errors; known?: string[]; onChange: (places: Places) => void };

/** Where in a message each input field of the agent stands, tried on a sample. `known`: what a message is known to hold. */
export function MappingFields({ agent, places, errors = {}, known = [], onChange }: MappingFieldsProps) {
  const { t } = useTranslation();
  const [sample, setSample] = useState('');
  const [tried, setTried] = useState<unknown>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const schema = useQuery({ ...agentQuery(agent), enabled: agent !== '' }).data?.input_schema as Schema | undefined;
  const fields = Object.entries((schema && resolve(schema, schema).properties) ?? {});
  const attempt = async () => {
    setBusy(true);
    setError(null);
    try {
      setTried((await tryMapping({ agent, mapping: mappingOf(places), message: sample })).input);
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  if (fields.length === 0) return null;
  return (
    <fieldset className={css.places}>
      <legend className="heading">{t('hooks.mapping')}</legend>
      <p className="xs muted">{t('hooks.mappingText')}</p>
      {known.length > 0 && <p className="xs muted">{t('hooks.known')} <code className="mono break">{known.join(', ')}</code></p>}
      <div className={css.two}>{fields.map(([field, each]) => <TextField key={field} label={titleOf(resolve(each, schema!), field)} placeholder={field} spellCheck={false} error={errors[`mapping/${field}`]} value={places[field] ?? ''} onChange={(event) => onChange({ ...places, [field]: event.target.value })} />)}</div>
      <TextArea label={t('hooks.sample')} rows={3} spellCheck={false} value={sample} onChange={(event) => setSample(event.target.value)} />
      <div><Button small busy={busy} disabled={!sample.trim()} onClick={() => void attempt()}>{t('hooks.try')}</Button></div>
      {tried !== null && <Json label={t('hooks.becomes')} value={tried} />}
      <Inline error={error} />
    </fieldset>
  );
}
