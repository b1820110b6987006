import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { changeDraft, policyQuery, type Draft } from '../../api/policy';
import { useMe } from '../../app/session';
import { Button } from '../../ui/Button';
import { Failed, Inline, SkeletonRows } from '../../ui/Feedback';
import { SelectField, TextArea } from '../../ui/Field';
import { toast } from '../../ui/toast';
import css from './Policies.module.css';

/** The files of the policy as text. Only the author changes a draft, and a change undoes an earlier review. */
export function Editor({ draft }: { draft: Draft }) {
  const { t } = useTranslation();
  const me = useMe();
  const inForce = useQuery({ ...policyQuery, select: (policy) => policy.files });
  const [own, setOwn] = useState<Record<string, string>>(draft.files);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const names = [...new Set([...Object.keys(inForce.data ?? {}), ...Object.keys(own)])].sort();
  const [chosen, setChosen] = useState(Object.keys(draft.files)[0] ?? '');
  const file = chosen || names[0] || '';
  if (inForce.isError) return <Failed error={inForce.error} onRetry={() => void inForce.refetch()} />;
  if (!inForce.data) return <SkeletonRows rows={4} />;
  const editable = draft.author === me.principal && (draft.state === 'draft' || draft.state === 'reviewed');
  const text = own[file] ?? inForce.data[file] ?? '';
  const dirty = JSON.stringify(own) !== JSON.stringify(draft.files);
  const save = async () => {
    setBusy(true);
    setError(null);
    try {
      await changeDraft(draft.id, { files: own, content_hash: draft.content_hash });
      toast(t('log.savedDone'));
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  const change = (next: string) => {
    const { [file]: _old, ...rest } = own;
    setOwn(next === inForce.data[file] ? rest : { ...rest, [file]: next });
  };
  return (
    <div className={css.editor}>
      <div className={css.file}><SelectField label={t('policies.file')} value={file} options={names.map((name) => ({ value: name, label: own[name] !== undefined ? `${name} ●` : name }))} onChange={(event) => setChosen(event.target.value)} /></div>
      <TextArea hideLabel label={file} className={css.code} readOnly={!editable} spellCheck={false} value={text} onChange={(event) => change(event.target.value)} />
      <Inline error={error} />
      {editable && <div className="row"><Button look="primary" busy={busy} disabled={!dirty} onClick={() => void save()}>{t('common.save')}</Button><span className="xs muted">{t('policies.saveText')}</span></div>}
    </div>
  );
}
