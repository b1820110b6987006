import { KeyRound, LogIn } from 'lucide-react';
import { useState, type FormEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { signIn, type Me } from '../api/me';
import { chooseLanguage, LANGUAGES, type Language } from '../i18n';
import { Button } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { Inline } from '../ui/Feedback';
import { Segmented, TextField } from '../ui/Field';
import { Logo } from './Logo';
import css from './SignIn.module.css';

type SignInProps = { onSignedIn: (me: Me) => void; again?: boolean; name?: string };

export function SignIn({ onSignedIn, again, name = '' }: SignInProps) {
  const { t, i18n } = useTranslation();
  if (again) {
    return (
      <Dialog open onClose={() => undefined} title={t('signIn.ended')} width={420}>
        <p className="sm ink2">{t('signIn.endedText')}</p>
        <SignInForm onSignedIn={onSignedIn} name={name} />
      </Dialog>
    );
  }
  return (
    <main className={css.page}>
      <title>{t('signIn.title')}</title>
      <div className={css.card}>
        <Logo size={40} />
        <div>
          <h1 className={css.title}>{t('signIn.title')}</h1>
          <p className="sm ink2">{t('signIn.text')}</p>
        </div>
        <SignInForm onSignedIn={onSignedIn} name={name} />
        <Segmented<Language> label={t('settings.language')} value={i18n.language as Language} options={LANGUAGES} onChange={(language) => void chooseLanguage(language)} />
      </div>
    </main>
  );
}

function SignInForm({ onSignedIn, name: known }: { onSignedIn: (me: Me) => void; name: string }) {
  const { t } = useTranslation();
  const [name, setName] = useState(known);
  const [password, setPassword] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      onSignedIn(await signIn(name.trim(), password));
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  return (
    <form className={css.form} onSubmit={(event) => void submit(event)}>
      <TextField label={t('signIn.name')} name="name" autoComplete="username" autoCapitalize="none" spellCheck={false} required autoFocus={!known}
        value={name} onChange={(event) => setName(event.target.value)} />
      <TextField label={t('signIn.password')} name="password" type="password" autoComplete="current-password" required autoFocus={!!known}
        icon={<KeyRound size={14} />} value={password} onChange={(event) => setPassword(event.target.value)} />
      <Inline error={error} />
      <Button look="primary" type="submit" busy={busy} icon={<LogIn size={15} aria-hidden />}>{t('signIn.go')}</Button>
    </form>
  );
}
