import { useQuery } from '@tanstack/react-query';
import { Bookmark, BookmarkPlus, ChevronDown, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { deleteQuery, savedQueriesQuery, saveQuery } from '../../api/log';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Inline } from '../../ui/Feedback';
import { CheckField, TextField } from '../../ui/Field';
import { Menu } from '../../ui/Menu';
import { toast } from '../../ui/toast';

const STARTERS = [['denied', 'decision:deny'], ['asked', 'decision:ask'], ['changes', 'effect:irreversible'], ['trouble', 'outcome in (failed, in_doubt)']] as const;

export function SavedQueries({ q, onOpen }: { q: string; onOpen: (q: string) => void }) {
  const { t } = useTranslation();
  const saved = useQuery(savedQueriesQuery).data ?? [];
  const [saving, setSaving] = useState(false);
  const mine = saved.find((each) => each.query === q);
  return (
    <>
      <Menu label={t('log.saved')} width={270} trigger={(props) => <Button {...props} icon={<Bookmark size={15} aria-hidden />}><span className="row">{t('log.saved')}<ChevronDown size={14} aria-hidden /></span></Button>} items={[
        ...saved.map((each) => ({ label: each.name, icon: <Bookmark />, onSelect: () => onOpen(each.query) })),
        ...STARTERS.map(([id, query]) => ({ label: t(`log.starter.${id}`), icon: <Bookmark />, onSelect: () => onOpen(query) })),
        { label: t('log.saveThis'), icon: <BookmarkPlus />, disabled: !q, onSelect: () => setSaving(true) },
        ...(mine ? [{ label: t('log.deleteSaved', { name: mine.name }), icon: <Trash2 />, danger: true, onSelect: () => void deleteQuery(mine.name, mine.shared) }] : []),
      ]} />
      {saving && <SaveDialog q={q} onClose={() => setSaving(false)} />}
    </>
  );
}

function SaveDialog({ q, onClose }: { q: string; onClose: () => void }) {
  const { t } = useTranslation();
  const [name, setName] = useState('');
  const [shared, setShared] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const go = async () => {
    try {
      await saveQuery(name.trim(), q, shared);
      toast(t('log.savedDone'));
      onClose();
    } catch (problem) {
      setError(problem);
    }
  };
  return (
    <Dialog open onClose={onClose} title={t('log.saveThis')} footer={<><Button onClick={onClose}>{t('common.cancel')}</Button><Button look="primary" disabled={!name.trim()} onClick={() => void go()}>{t('common.save')}</Button></>}>
      <div className="col">
        <TextField autoFocus label={t('log.queryName')} required maxLength={80} value={name} onChange={(event) => setName(event.target.value)} />
        <CheckField label={t('log.share')} checked={shared} onChange={(event) => setShared(event.target.checked)} />
        <Inline error={error} />
      </div>
    </Dialog>
  );
}
