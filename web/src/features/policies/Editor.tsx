import { useQuery } from '@tanstack/react-query';
import { RotateCcw, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { changeDraft, policyQuery, type Draft } from '../../api/policy';
import { useMe } from '../../app/session';
import { Button } from '../../ui/Button';
import { Failed, Inline, SkeletonRows } from '../../ui/Feedback';
import { SelectField, TextArea } from '../../ui/Field';
import { toast } from '../../ui/toast';
import { changes, mark } from './files';
import css from './Policies.module.css';

/** The files of the policy as text. Only the author changes a draft, and a change undoes an earlier review. */
export function Editor({ draft }: { draft: Draft }) {
  const { t } = useTranslation();
  const me = useMe();
  const inForce = useQuery({ ...policyQuery, select: (policy) => policy.files });
  const [own, setOwn] = useState<Record<string, string>>(draft.files);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const names = [...new Set([...Object.keys(inForce.data ?? {}), ...Object.keys(draft.files)])].sort();
  const [chosen, setChosen] = useState('');
  const file = chosen || names[0] || '';
  if (inForce.isError) return <Failed error={inForce.error} onRetry={() => void inForce.refetch()} />;
  if (!inForce.data) return <SkeletonRows rows={4} />;
  const editable = draft.author === me.principal && (draft.state === 'draft' || draft.state === 'reviewed');
  const text = own[file];
  const changed = changes(draft.files, own);
  const save = async () => {
    setBusy(true);
    setError(null);
    try {
      await changeDraft(draft.id, { files: changed, content_hash: draft.content_hash });
      toast(t('log.savedDone'));
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  const remove = () => {
    const { [file]: _gone, ...rest } = own;
    setOwn(rest);
  };
  const restore = () => setOwn({ ...own, [file]: draft.files[file] ?? inForce.data[file] ?? '' });
  return (
    <div className={css.editor}>
      <div className="row">
        <div className={css.file}><SelectField label={t('policies.file')} value={file} options={names.map((name) => ({ value: name, label: `${name} ${mark(inForce.data[name], own[name])}`.trim() }))} onChange={(event) => setChosen(event.target.value)} /></div>
        {editable && (text === undefined
          ? <Button small icon={<RotateCcw size={14} aria-hidden />} onClick={restore}>{t('policies.restoreFile')}</Button>
          : <Button small look="deny" icon={<Trash2 size={14} aria-hidden />} onClick={remove}>{t('policies.deleteFile')}</Button>)}
      </div>
      {text === undefined ? <p className="sm ink2">{t('policies.fileDeleted', { file })}</p>
        : <TextArea hideLabel label={file} className={css.code} readOnly={!editable} spellCheck={false} value={text} onChange={(event) => setOwn({ ...own, [file]: event.target.value })} />}
      <Inline error={error} />
      {editable && <div className="row"><Button look="primary" busy={busy} disabled={Object.keys(changed).length === 0} onClick={() => void save()}>{t('common.save')}</Button><span className="xs muted">{t('policies.saveText')}</span></div>}
    </div>
  );
}
