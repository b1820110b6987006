import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { absencesQuery, createAbsence, endAbsence } from '../../api/approvals';
import { useMe } from '../../app/session';
import { Button } from '../../ui/Button';
import { Inline } from '../../ui/Feedback';
import { TextField } from '../../ui/Field';
import { DAY, date, principalName } from '../../ui/format';
import { Section } from '../../ui/Page';
import css from './Settings.module.css';

const today = () => new Date().toISOString().slice(0, 10);

/** Who answers for me while I am away. */
export function Absences() {
  const { t } = useTranslation();
  const me = useMe();
  const absences = useQuery(absencesQuery).data ?? [];
  const [to, setTo] = useState('');
  const [since, setSince] = useState(today());
  const [until, setUntil] = useState('');
  const [error, setError] = useState<unknown>(null);
  const add = async () => {
    setError(null);
    try {
      await createAbsence(to.includes(':') ? to.trim() : `person:${to.trim()}`, new Date(`${since}T00:00:00`).toISOString(), new Date(`${until}T23:59:59`).toISOString());
      setTo('');
    } catch (problem) {
      setError(problem);
    }
  };
  return (
    <Section title={t('settings.absences')}>
      <div className={`card ${css.panel}`}>
        <p className="sm ink2">{t('settings.absencesText')}</p>
        <ul className="col">
          {absences.map((each) => (
            <li key={each.id} className="row sm">
              <span className="grow">{t('settings.absence', { who: principalName(each.person), to: principalName(each.to), since: date(each.since, DAY), until: date(each.until, DAY) })}</span>
              {each.person === me.principal && <Button small onClick={() => void endAbsence(each.id)}>{t('settings.back')}</Button>}
            </li>
          ))}
        </ul>
        <div className={css.form}>
          <TextField label={t('approvals.to')} hint={t('approvals.toHint')} spellCheck={false} autoCapitalize="none" value={to} onChange={(event) => setTo(event.target.value)} />
          <TextField type="date" label={t('settings.since')} value={since} onChange={(event) => setSince(event.target.value)} />
          <TextField type="date" label={t('settings.until')} min={since} value={until} onChange={(event) => setUntil(event.target.value)} />
          <Button disabled={!to.trim() || !since || !until} onClick={() => void add()}>{t('settings.away')}</Button>
        </div>
        <Inline error={error} />
      </div>
    </Section>
  );
}
