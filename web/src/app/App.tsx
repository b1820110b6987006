import { useQuery } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import { meQuery, type Me } from '../api/me';
import { Problem } from '../api/problem';
import { router } from '../router';
import { Failed } from '../ui/Feedback';
import { Toasts } from '../ui/toast';
import css from './App.module.css';
import { SignIn } from './SignIn';
import { MeContext } from './session';

/** Signed in or not. A session that ends while somebody works asks again on top of the page, so nothing typed is lost. */
export function App() {
  const first = useQuery(meQuery);
  const [me, setMe] = useState<Me | null>(null);
  const [ended, setEnded] = useState(false);
  const known = me ?? first.data ?? null;
  useEffect(() => {
    const onEnd = () => setEnded(true);
    addEventListener('chargehand:signed-out', onEnd);
    return () => removeEventListener('chargehand:signed-out', onEnd);
  }, []);
  const onSignedIn = (now: Me) => {
    if (known && now.principal !== known.principal) location.reload();
    setMe(now);
    setEnded(false);
  };
  if (first.isPending && !known) return <div className={css.wait} aria-busy="true" />;
  if (!known) {
    const needsSignIn = first.error instanceof Problem && first.error.status === 401;
    if (needsSignIn) return <SignIn onSignedIn={onSignedIn} />;
    return <main className={css.middle}><Failed error={first.error} onRetry={() => void first.refetch()} /></main>;
  }
  return (
    <MeContext value={known}>
      <RouterProvider router={router} />
      {ended && <SignIn onSignedIn={onSignedIn} again name={known.principal.replace('person:', '')} />}
      <Toasts />
    </MeContext>
  );
}
