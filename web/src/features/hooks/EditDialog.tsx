import { useState, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Inline } from '../../ui/Feedback';
import { TextField } from '../../ui/Field';
import type { Errors } from '../../ui/form/validate';
import { toast } from '../../ui/toast';
import css from './Hooks.module.css';
import { mappingOf, type Places } from './mapping';
import { MappingFields } from './MappingFields';
import { useAct } from './useAct';

type Edited = { name: string; agent: string; mapping: Places };
type EditDialogProps = {
  of: Edited;
  text: string;
  save: (change: Omit<Edited, 'agent'>) => Promise<void>;
  check?: () => Errors;
  children?: (errors: Errors) => ReactNode;
  known?: string[];
  onClose: () => void;
};

/** Name and mapping of what starts an agent from outside; `children` are fields of its own, which `check` judges. Policy is asked again. */
export function EditDialog({ of, text, save, check, children, known, onClose }: EditDialogProps) {
  const { t } = useTranslation();
  const [name, setName] = useState(of.name);
  const [places, setPlaces] = useState<Places>(of.mapping);
  const act = useAct();
  const go = () => act.go(async () => {
    await save({ name: name.trim(), mapping: mappingOf(places) });
    toast(t('schedules.changed'));
    onClose();
  }, check?.());
  return (
    <Dialog open onClose={onClose} title={t('hooks.editTitle', { what: of.name })} width={600} footer={
      <>
        <Button onClick={onClose}>{t('common.cancel')}</Button>
        <Button look="primary" busy={act.busy} disabled={!name.trim()} onClick={() => void go()}>{t('common.save')}</Button>
      </>
    }>
      <div className={css.fields} ref={act.form}>
        <TextField label={t('hooks.name')} required maxLength={100} error={act.errors['name']} value={name} onChange={(event) => setName(event.target.value)} />
        {children?.(act.errors)}
        <MappingFields agent={of.agent} places={places} errors={act.errors} known={known} onChange={setPlaces} />
        <p className="xs muted">{text}</p>
        <Inline error={act.error} />
      </div>
    </Dialog>
  );
}
