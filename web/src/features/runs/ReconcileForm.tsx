import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { reconcile } from '../../api/calls';
import { Button } from '../../ui/Button';
import { Inline } from '../../ui/Feedback';
import { Segmented, TextArea } from '../../ui/Field';
import css from './Waiting.module.css';

/** A call whose answer never came: a person says what became of it, with the evidence. */
export function ReconcileForm({ callKey }: { callKey: string }) {
  const { t } = useTranslation();
  const [happened, setHappened] = useState<'yes' | 'no'>();
  const [evidence, setEvidence] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!happened || !evidence.trim()) return;
    setBusy(true);
    try {
      await reconcile(callKey, { happened: happened === 'yes', evidence: evidence.trim(), comment: '', result: null });
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form className={css.form} onSubmit={(event) => void submit(event)}>
      <p className="sm">{t('run.inDoubtText')}</p>
      <Segmented label={t('run.happened')} value={happened} onChange={setHappened} options={[{ value: 'yes', label: t('run.didHappen') }, { value: 'no', label: t('run.didNotHappen') }]} />
      <TextArea label={t('run.evidenceLabel')} hint={t('run.evidenceHint')} required maxLength={4000} value={evidence} onChange={(event) => setEvidence(event.target.value)} />
      <Inline error={error} />
      <div><Button look="primary" type="submit" busy={busy} disabled={!happened || !evidence.trim()}>{t('run.reconcile')}</Button></div>
    </form>
  );
}
