import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { createPerson } from '../../api/people';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { Inline } from '../../ui/Feedback';
import { TextField } from '../../ui/Field';
import { toast } from '../../ui/toast';

const MIN_PASSWORD = 12;

export function NewPersonDialog({ onClose }: { onClose: () => void }) {
  const { t } = useTranslation();
  const [login, setLogin] = useState('');
  const [name, setName] = useState('');
  const [password, setPassword] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const go = async () => {
    setBusy(true);
    try {
      await createPerson({ login: login.trim(), name: name.trim(), password });
      toast(t('people.added'));
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} title={t('people.add')} footer={<><Button onClick={onClose}>{t('common.cancel')}</Button><Button look="primary" busy={busy} disabled={!login || !name || password.length < MIN_PASSWORD} onClick={() => void go()}>{t('people.add')}</Button></>}>
      <div className="col">
        <p className="sm ink2">{t('people.addText')}</p>
        <TextField label={t('people.name')} required value={name} onChange={(event) => setName(event.target.value)} />
        <TextField label={t('people.login')} required spellCheck={false} autoCapitalize="none" autoComplete="off" pattern="[a-z][a-z0-9.\-]*" value={login} onChange={(event) => setLogin(event.target.value)} />
        <TextField label={t('signIn.password')} hint={t('people.passwordHint', { count: MIN_PASSWORD })} required type="password" autoComplete="new-password" value={password} onChange={(event) => setPassword(event.target.value)} />
        <Inline error={error} />
      </div>
    </Dialog>
  );
}
