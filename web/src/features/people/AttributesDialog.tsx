import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { setAttributes, type Person } from '../../api/people';
import { policyQuery } from '../../api/policy';
import { inLanguage } from '../../i18n/said';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Failed, Inline, SkeletonRows } from '../../ui/Feedback';
import { TextField } from '../../ui/Field';
import { toast } from '../../ui/toast';
import { changed } from './attributes';

/** What policy's conditions may read of a person: the names that the policy declares, and whatever is set besides. */
export function AttributesDialog({ person, onClose }: { person: Person; onClose: () => void }) {
  const { t } = useTranslation();
  const policy = useQuery(policyQuery);
  const [values, setValues] = useState<Record<string, string>>(person.attributes);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const declared = policy.data?.attributes ?? {};
  const names = [...new Set([...Object.keys(declared), ...Object.keys(person.attributes)])].sort();
  const changes = changed(person.attributes, values);
  const go = async () => {
    setBusy(true);
    try {
      await setAttributes(person.principal, changes);
      toast(t('people.attributesSaved'));
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} title={t('people.attributesOf', { name: person.name })} footer={<><Button onClick={onClose}>{t('common.cancel')}</Button><Button look="primary" busy={busy} disabled={Object.keys(changes).length === 0} onClick={() => void go()}>{t('common.save')}</Button></>}>
      {policy.isError ? <Failed error={policy.error} onRetry={() => void policy.refetch()} /> : policy.isPending ? <SkeletonRows rows={2} /> : (
        <div className="col">
          <p className="sm ink2">{t(names.length === 0 ? 'people.noAttributes' : 'people.attributesText')}</p>
          {names.map((name) => (
            <TextField key={name} label={inLanguage(declared[name] ?? {}) || name} hint={declared[name] ? undefined : t('people.notDeclared')} maxLength={200} autoComplete="off" value={values[name] ?? ''} onChange={(event) => setValues({ ...values, [name]: event.target.value })} />
          ))}
          <Inline error={error} />
        </div>
      )}
    </Dialog>
  );
}
