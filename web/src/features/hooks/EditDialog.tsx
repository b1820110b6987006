import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Inline } from '../../ui/Feedback';
import { TextField } from '../../ui/Field';
import { toast } from '../../ui/toast';
import css from './Hooks.module.css';
import { mappingOf, type Places } from './mapping';
import { MappingFields } from './MappingFields';

type Edited = { name: string; agent: string; mapping: Places };
type EditDialogProps = { of: Edited; text: string; save: (change: Omit<Edited, 'agent'>) => Promise<void>; children?: ReactNode; onClose: () => void };

/** Name and mapping of what starts an agent from outside; `children` are fields of its own. Policy is asked again. */
export function EditDialog({ of, text, save, children, onClose }: EditDialogProps) {
  const { t } = useTranslation();
  const [name, setName] = useState(of.name);
  const [places, setPlaces] = useState<Places>(of.mapping);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const go = async () => {
    setBusy(true);
    setError(null);
    try {
      await save({ name: name.trim(), mapping: mappingOf(places) });
      toast(t('schedules.changed'));
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} title={t('hooks.editTitle', { what: of.name })} width={600} footer={
      <>
        <Button onClick={onClose}>{t('common.cancel')}</Button>
        <Button look="primary" busy={busy} disabled={!name.trim()} onClick={() => void go()}>{t('common.save')}</Button>
      </>
    }>
      <div className={css.fields}>
        <TextField label={t('hooks.name')} required maxLength={100} value={name} onChange={(event) => setName(event.target.value)} />
        {children}
        <MappingFields agent={of.agent} places={places} onChange={setPlaces} />
        <p className="xs muted">{text}</p>
        <Inline error={error} />
      </div>
    </Dialog>
  );
}
